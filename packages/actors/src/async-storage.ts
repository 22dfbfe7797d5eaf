/**
 * What frontends keep of accepted calls: the work queue, large payloads and results, dead letters, and two
 * buckets. All bounded; a full one refuses new calls, except that of dead letters the oldest go.
 *
 * The work queue is split into fixed shards, each with a consumer of its own, so that the calls of one
 * function hold up only those of its shard. A call has a subject of its own and is in the queue once at most.
 */
import { AckPolicy, DiscardPolicy, RetentionPolicy, jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { nanos } from "@nats-io/nats-core";
import { subjects } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { ensureConfig, ensureStream } from "./ensure-stream.ts";
import { untilStored } from "./until-stored.ts";

export interface AsyncStorage {
  /** Request id → AcceptedCall. */
  readonly invocations: KV;
  /** "function.SHA-256 of the key" → request id. */
  readonly dedupe: KV;
}

const mib = 1024 * 1024;
const hourMs = 3_600_000;

/**
 * Nothing that is kept of a call is left alone for longer: 24 h of delay, 24 h of age, 24 h after its end,
 * and an hour for its last attempt.
 */
export const acceptedCallAgeMaxMs = 73 * hourMs;
export const invocationsBytesMax = 1024 * mib;
export const dedupeBytesMax = 256 * mib;
export const workBytesMax = 512 * mib;
export const payloadsBytesMax = 1024 * mib;
export const deadLettersAgeMaxMs = 14 * 24 * hourMs;
export const deadLettersBytesMax = 256 * mib;
/** Consumers of the work queue; for the cluster's life, since calls are filed by it. */
export const workShardCount = 8;
/** A frontend that says nothing of a call for so long has lost it: another gets it. */
export const workAckWaitMs = 20_000;

/**
 * @param replicas of what is not there yet; what has fewer gets as many
 * @throws TidepoolError `unavailable` when JetStream is away, off, or has no room
 */
export function ensureAsyncStorage(bus: Bus, replicas = bus.replicas): Promise<AsyncStorage> {
  return untilStored(async () => {
    const manager = await jetstreamManager(bus.connection);
    const buckets = new Kvm(bus.connection);
    const bucket = async (name: string, bytesMax: number): Promise<KV> => {
      const made = await buckets.create(name, {
        history: 1,
        max_bytes: bytesMax,
        ttl: acceptedCallAgeMaxMs,
        replicas,
        // Work may come before a copy has its call: only the leader is asked.
        allow_direct: false,
      });
      await ensureConfig(manager, {
        name: `KV_${name}`,
        max_bytes: bytesMax,
        max_age: nanos(acceptedCallAgeMaxMs),
        num_replicas: replicas,
      });
      return made;
    };
    const [invocations, dedupe] = await Promise.all([
      bucket(subjects.buckets.invocations, invocationsBytesMax),
      bucket(subjects.buckets.dedupe, dedupeBytesMax),
      ...streams.map((stream) => ensureStream(manager, { ...stream, num_replicas: replicas })),
    ]);
    for (let shard = 0; shard < workShardCount; shard++) await ensureWorkConsumer(manager, shard);
    return { invocations, dedupe };
  });
}

export function workConsumerName(shard: number): string {
  return `work-${shard}`;
}

const streams = [
  {
    name: subjects.streams.work,
    subjects: [subjects.allWork],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    max_age: nanos(acceptedCallAgeMaxMs),
    max_bytes: workBytesMax,
  },
  {
    name: subjects.streams.payloads,
    subjects: [subjects.allPayloadParts],
    discard: DiscardPolicy.New,
    max_msgs_per_subject: 1,
    max_age: nanos(acceptedCallAgeMaxMs),
    max_bytes: payloadsBytesMax,
  },
  {
    name: subjects.streams.deadLetters,
    subjects: [subjects.allDeadLetterParts],
    discard: DiscardPolicy.Old,
    max_msgs_per_subject: 1,
    max_age: nanos(deadLettersAgeMaxMs),
    max_bytes: deadLettersBytesMax,
  },
] satisfies Partial<StreamConfig>[];

/** Calls that wait count as delivered too: without a limit on them none holds up another. */
async function ensureWorkConsumer(manager: JetStreamManager, shard: number): Promise<void> {
  await manager.consumers.add(subjects.streams.work, {
    durable_name: workConsumerName(shard),
    filter_subject: subjects.workOfShard(shard),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(workAckWaitMs),
    max_deliver: -1,
    max_ack_pending: -1,
  });
}
