/**
 * A connection to a nats-server that has lost the others is of no use, though the server answers: nothing can
 * be stored there, and who is connected elsewhere is not heard. So each process looks whether its server is
 * among the majority, and goes to another when it is not. For clusters; a single server is its own majority.
 */
import type { NatsConnection } from "@nats-io/nats-core";
import { systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";

export interface MajorityTiming {
  readonly lookEveryMs: number;
  /** Longest that an answer takes. */
  readonly answerMaxMs: number;
  /** A server that its leader has not heard for so long is not counted. */
  readonly silenceMaxMs: number;
  /** Looks in a row that must fail. */
  readonly failuresMax: number;
  /** Where no server has a majority, nothing is won by changing it often. */
  readonly changeEveryMs: number;
}

export const majorityTimingDefault: MajorityTiming = {
  lookEveryMs: 1_000,
  answerMaxMs: 1_000,
  silenceMaxMs: 3_000,
  failuresMax: 2,
  changeEveryMs: 5_000,
};

/** Every process may look at it, and it has as many copies as there are servers. */
export const lookedAt = `$JS.API.STREAM.INFO.KV_${subjects.buckets.leases}`;
const streamNotFound = 10_059;

export async function watchMajority(
  connection: NatsConnection,
  logger: Logger,
  timing: MajorityTiming = majorityTimingDefault,
): Promise<void> {
  let failures = 0;
  let changedAtMs = Number.NEGATIVE_INFINITY;
  while (!connection.isClosed()) {
    await systemClock.sleep(timing.lookEveryMs);
    const isAmong = await connection
      .request(lookedAt, new Uint8Array(), { timeout: timing.answerMaxMs })
      .then(
        (answer) => isMajority(answer.string(), timing.silenceMaxMs),
        () => false,
      );
    failures = isAmong ? 0 : failures + 1;
    if (failures < timing.failuresMax || connection.isClosed()) continue;
    if (performance.now() - changedAtMs < timing.changeEveryMs) continue;
    changedAtMs = performance.now();
    failures = 0;
    logger.warn("nats-server without a majority: going to another", {
      server: connection.getServer(),
    });
    await connection.reconnect();
  }
}

/** @param answer what the leader of a stream says of it, in JSON */
export function isMajority(answer: string, silenceMaxMs: number): boolean {
  const { cluster, error } = JSON.parse(answer) as StreamAnswer;
  // Before anything was stored, somebody who knows that has answered.
  if (error !== undefined) return error.err_code === streamNotFound;
  const replicas = cluster?.replicas ?? [];
  return 2 * (heardOf(replicas, silenceMaxMs).length + 1) > replicas.length + 1;
}

/**
 * Whether no server is cut off from the stream's leader.
 * @param serverCount of the cluster, as far as is known: one that has no copy may be cut off unnoticed
 */
export function areTogether(answer: string, serverCount: number, silenceMaxMs: number): boolean {
  const { cluster, error } = JSON.parse(answer) as StreamAnswer;
  if (error !== undefined) return false;
  const replicas = cluster?.replicas ?? [];
  const areAllHeard = heardOf(replicas, silenceMaxMs).length === replicas.length;
  return areAllHeard && serverCount <= replicas.length + 1;
}

function heardOf(replicas: readonly Replica[], silenceMaxMs: number): readonly Replica[] {
  return replicas.filter(({ offline = false, active }) => !offline && active / 1e6 < silenceMaxMs);
}

interface StreamAnswer {
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly Replica[] };
  readonly error?: { readonly err_code?: number };
}

interface Replica {
  readonly offline?: boolean;
  /** Since it was heard, nanoseconds. */
  readonly active: number;
}
