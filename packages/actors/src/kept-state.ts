/**
 * The state of a system out of JetStream and back into it, message by message. What only describes the past
 * (logs, explanations, facts of VMs) is left out.
 *
 * Arrivals keep their sequences: snapshots of what was learned say by sequence which arrivals they have.
 * Leases keep their epochs, so that no host obeys an owner of before. Nobody may write during a restore.
 */
import { headers as newHeaders } from "@nats-io/nats-core";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager, StoredMsg, StreamState } from "@nats-io/jetstream";
import { systemClock, TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { ensureAsyncStorage } from "./async-storage.ts";
import type { Bus } from "./bus.ts";
import { findStream } from "./ensure-stream.ts";
import { fromJetStream } from "./jetstream-error.ts";
import { ensureStorage } from "./storage.ts";
import { untilStored } from "./until-stored.ts";

export interface KeptStream {
  readonly kind: "stream";
  readonly name: string;
  /** Where its messages' sequences begin and end, those left out included. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface KeptMessage {
  readonly kind: "message";
  readonly subject: string;
  readonly sequence: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** A stream's head, then its messages; a head has no data. */
export interface KeptRecord {
  readonly head: KeptStream | KeptMessage;
  readonly data: Uint8Array;
}

const { HostHeartbeat } = tidepool.internal.v1;
const { buckets, codeBucket, streams } = subjects;
const kv = (bucket: string): string => `KV_${bucket}`;

/** Of calls accepted, not ended; and of those that failed for good. */
const callStreams: readonly string[] = [
  kv(buckets.invocations),
  kv(buckets.dedupe),
  streams.payloads,
  streams.work,
  streams.deadLetters,
];

/**
 * In this order: what names another thing comes before it, so that what is named is there too when somebody
 * deploys meanwhile, and arrivals come after the snapshots that count them.
 */
export const backedUp: readonly string[] = [
  kv(buckets.tenants),
  kv(buckets.tokens),
  kv(buckets.hosts),
  kv(buckets.subscriptions),
  kv(buckets.schedules),
  kv(buckets.scheduleProgress),
  kv(buckets.functions),
  kv(buckets.versions),
  kv(buckets.secrets),
  `OBJ_${codeBucket}`,
  kv(buckets.leases),
  kv(buckets.snapshots),
  streams.arrivals,
  streams.usage,
  ...callStreams,
];

/** What only describes the past. */
export const notBackedUp: readonly string[] = [streams.facts, streams.logs, streams.calls];

/** What the server acts on when a message is published: it did that once. */
const doneHeaders = /^Nats-(Expected-|Msg-Id$|Rollup$)/i;
/** Schedulers renew and hosts tell of themselves each second. */
const listenMs = 2_500;
/** Longest that the other servers may take to get their copies of a system of full size. */
const copiesMaxMs = 300_000;
const copiesLookMs = 200;
const settleMaxMs = 60_000;
const memberKeys = `$KV.${buckets.leases}.member.`;
const arrivalsGapMax = 1_000_000;

/**
 * Reads and changes nothing: who makes a backup need not know how the services have set up their streams.
 * @throws TidepoolError `unavailable` when JetStream is away; `notFound` where no system ever ran
 */
export async function* readState(bus: Bus): AsyncGenerator<KeptRecord> {
  const manager = await untilStored(() => jetstreamManager(bus.connection));
  let streamCount = 0;
  for (const name of backedUp) {
    // An earlier version does not have all of them.
    const state = await named(name, stateOf(manager, name));
    if (state === undefined) continue;
    streamCount += 1;
    yield* readStream(manager, name, state);
  }
  if (streamCount === 0)
    throw new TidepoolError("notFound", "this NATS has no data of Tidepool: nothing to back up");
}

async function stateOf(manager: JetStreamManager, name: string): Promise<StreamState | undefined> {
  return (await findStream(manager, name))?.state;
}

async function* readStream(
  manager: JetStreamManager,
  name: string,
  state: StreamState,
): AsyncGenerator<KeptRecord> {
  const { first_seq: firstSequence, last_seq: lastSequence } = state;
  yield { head: { kind: "stream", name, firstSequence, lastSequence }, data: new Uint8Array() };
  for (let next = firstSequence; next <= lastSequence; next++) {
    // The next one at or after it: there are gaps where messages were replaced.
    const wanted = { seq: next, next_by_subj: ">" };
    const message = await named(name, manager.streams.getMessage(name, wanted));
    if (message === null || message.seq > lastSequence) return;
    next = message.seq;
    if (isState(message)) yield recordOf(message);
  }
}

function isState({ subject, header }: StoredMsg): boolean {
  return !header.has("KV-Operation") && !subject.startsWith(memberKeys);
}

function recordOf({ subject, seq: sequence, header, data }: StoredMsg): KeptRecord {
  const kept = [...header].filter(([key]) => !doneHeaders.test(key));
  const head: KeptMessage = {
    kind: "message",
    subject,
    sequence,
    headers: Object.fromEntries(kept.map(([key, values]) => [key, [...values]])),
  };
  return { head, data };
}

/**
 * Services would write beside a restore, and act on half of it. Frontends are not heard of.
 * @throws TidepoolError `wrongPhase` naming who runs
 */
export async function checkStopped(bus: Bus): Promise<void> {
  const manager = await untilStored(() => jetstreamManager(bus.connection));
  const running = new Set<string>();
  const listening = bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, ({ hostId }) => {
    running.add(`host-agent ${hostId}`);
  });
  const leases = kv(buckets.leases);
  const before = await named(leases, stateOf(manager, leases));
  await systemClock.sleep(listenMs);
  const after = await named(leases, stateOf(manager, leases));
  await listening.stop();
  if (after?.last_seq !== before?.last_seq) running.add("a scheduler");
  if (running.size === 0) return;
  const text = `services still run (${[...running].sort().join(", ")}): stop them all before a restore`;
  throw new TidepoolError("wrongPhase", text);
}

export interface WriteStateOptions {
  /** Existing data is removed first; otherwise it is refused. */
  readonly isForced: boolean;
  /** Accepted calls are left out: those that ended after the backup would run again. */
  readonly isWithoutCalls: boolean;
}

/** @throws TidepoolError `alreadyExists` where there is data and `isForced` is not set. Answers the messages written. */
export async function writeState(
  bus: Bus,
  records: AsyncIterable<KeptRecord>,
  { isForced, isWithoutCalls }: WriteStateOptions,
): Promise<number> {
  const manager = await untilStored(() => jetstreamManager(bus.connection));
  if (!isForced) await checkEmpty(manager);
  // Made anew: a stream that was used once goes on with its sequences, though it is empty.
  for (const name of backedUp) {
    if ((await findStream(manager, name)) !== undefined)
      await named(name, manager.streams.delete(name));
  }
  // Sequences begin where they began only where there is one copy; the others come when all is written.
  await ensureAll(bus, 1);
  const client = jetstream(bus.connection);
  let stream: StreamWriter | undefined;
  let messageCount = 0;
  for await (const { head, data } of records) {
    if (head.kind === "stream") {
      const isWanted = !(isWithoutCalls && callStreams.includes(head.name));
      stream = isWanted ? await StreamWriter.open(manager, client, head) : undefined;
    } else if (stream !== undefined) {
      await stream.write(head, data);
      messageCount += 1;
    }
  }
  await ensureAll(bus, bus.replicas);
  if (bus.replicas > 1) await settleArrivals(client);
  await untilCopied(manager, bus.replicas);
  return messageCount;
}

async function ensureAll(bus: Bus, replicas: number): Promise<void> {
  await ensureStorage(bus, replicas);
  await ensureAsyncStorage(bus, replicas);
}

/** Every other server has what its leader has. */
async function untilCopied(manager: JetStreamManager, replicas: number): Promise<void> {
  const deadlineAtMs = systemClock.nowMs() + copiesMaxMs;
  for (const name of backedUp) {
    for (;;) {
      const { cluster } = await named(name, manager.streams.info(name));
      const current = (cluster?.replicas ?? []).filter((each) => each.current);
      if (current.length >= replicas - 1) break;
      if (systemClock.nowMs() > deadlineAtMs)
        throw new TidepoolError(
          "unavailable",
          `all is restored, but ${name} has ${current.length + 1} of ${replicas} copies yet`,
        );
      await systemClock.sleep(copiesLookMs);
    }
  }
}

/**
 * A stream whose sequences do not begin at 1 refuses the first message after it got its copies, and corrects itself: here
 * and not with a frontend's. A batch without arrivals tells nobody anything.
 */
async function settleArrivals(client: JetStreamClient): Promise<void> {
  const deadlineAtMs = systemClock.nowMs() + settleMaxMs;
  for (;;) {
    try {
      await client.publish(subjects.arrivals(0), new Uint8Array());
      return;
    } catch (thrown) {
      if (systemClock.nowMs() > deadlineAtMs) throw fromJetStream(thrown, streams.arrivals);
      await systemClock.sleep(copiesLookMs);
    }
  }
}

async function checkEmpty(manager: JetStreamManager): Promise<void> {
  for (const name of backedUp) {
    const state = await named(name, stateOf(manager, name));
    if (state === undefined || state.messages === 0) continue;
    const text = `${name} has ${state.messages} messages, a restore would replace them`;
    throw new TidepoolError("alreadyExists", text);
  }
}

class StreamWriter {
  private readonly client: JetStreamClient;
  private readonly name: string;
  private readonly keepsSequences: boolean;
  private next: number;

  private constructor(client: JetStreamClient, { name, firstSequence }: KeptStream) {
    this.client = client;
    this.name = name;
    this.keepsSequences = name === streams.arrivals;
    this.next = firstSequence;
  }

  /** Sequences of arrivals begin where they began: an empty stream takes the sequence that it is purged to. */
  static async open(
    manager: JetStreamManager,
    client: JetStreamClient,
    head: KeptStream,
  ): Promise<StreamWriter> {
    if (!backedUp.includes(head.name))
      throw new TidepoolError("invalid", `the backup has a stream ${head.name}, which is unknown`);
    const writer = new StreamWriter(client, head);
    if (writer.keepsSequences && head.firstSequence > 1)
      await named(head.name, manager.streams.purge(head.name, { seq: head.firstSequence }));
    return writer;
  }

  async write({ subject, sequence, headers }: KeptMessage, data: Uint8Array): Promise<void> {
    if (this.keepsSequences) {
      if (sequence - this.next > arrivalsGapMax)
        throw new TidepoolError("invalid", `${this.name} lacks ${sequence - this.next} messages`);
      // A batch without arrivals stands for what was deleted.
      while (this.next < sequence) await this.publish(subject, new Uint8Array(), {});
    }
    const written = await this.publish(subject, data, headers);
    if (!this.keepsSequences || written === sequence) return;
    const text = `${this.name} gave sequence ${written}, expected ${sequence}: somebody else writes`;
    throw new TidepoolError("stale", text);
  }

  private async publish(
    subject: string,
    data: Uint8Array,
    given: KeptMessage["headers"],
  ): Promise<number> {
    const headers = newHeaders();
    for (const [key, values] of Object.entries(given))
      for (const value of values) headers.append(key, value);
    const { seq } = await named(this.name, this.client.publish(subject, data, { headers }));
    this.next = seq + 1;
    return seq;
  }
}

async function named<T>(stream: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    throw fromJetStream(thrown, stream);
  }
}
