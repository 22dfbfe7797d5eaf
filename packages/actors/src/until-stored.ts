/** Waits for JetStream where it is only late: a cluster that elects a leader, a server that has just started. */
import { JetStreamApiError } from "@nats-io/jetstream";
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";

/** Longest that a service waits for JetStream at its start. */
export const storageWaitMaxMs = 30_000;
const pauseMs = 500;

/** Of JetStream's codes: they will be the same the next time. */
const finalCodes: ReadonlySet<number> = new Set([
  10_023, // insufficient resources
  10_039, // not enabled for the account
  10_047, // insufficient storage
  10_074, // copies, without a cluster
  10_076, // not enabled
]);

/** @throws TidepoolError `unavailable` when JetStream is off, has no room, or does not answer in storageWaitMaxMs */
export async function untilStored<T>(work: () => Promise<T>): Promise<T> {
  const deadlineAtMs = systemClock.nowMs() + storageWaitMaxMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (isFinal(error) || systemClock.nowMs() + pauseMs > deadlineAtMs)
        throw new TidepoolError("unavailable", `JetStream cannot be used: ${messageOf(error)}`, {
          cause: error,
        });
      await systemClock.sleep(pauseMs);
    }
  }
}

function isFinal(error: unknown): boolean {
  const isOff = error instanceof Error && error.name === "JetStreamNotEnabled";
  return isOff || (error instanceof JetStreamApiError && finalCodes.has(error.code));
}
