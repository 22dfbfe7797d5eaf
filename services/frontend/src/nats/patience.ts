/**
 * Waiting for a NATS cluster that has lost a server: streams that the lost one led answer nothing until another
 * leads, which takes up to nine seconds. Callers wait that long, as far as they have the time, and see no error.
 *
 * A call that needs several things of the store waits that long for all of them together.
 *
 * What is attempted is sent again, so that it may be done twice; a write that must not be is one by compare-and-set.
 * With a single server there is nobody to wait for.
 */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { systemClock, TidepoolError } from "@tidepool/common";
import { callWaiting } from "../call-deadline.ts";
import {
  storeAgainMs,
  storeAnswerMarginMs,
  storeAttemptMinMs,
  storeAttemptMs,
  storeTimeoutMs,
  storeWaitMaxMs,
} from "../limits.ts";
import { requireNats } from "./require-nats.ts";
import { isLostRace, within } from "./store-failure.ts";

/** What of a bus it takes. */
export type PatientBus = Pick<Bus, "isConnected" | "replicas">;

/**
 * @param attempt is told whether an earlier one had no answer, and may have been done
 * @param attemptMs longest that one may take; where it is long, it ends by itself when nobody answers
 * @throws TidepoolError `unavailable` when nobody answers in storeWaitMaxMs, or before the caller's deadline
 */
export async function patiently<T>(
  bus: PatientBus,
  what: string,
  attempt: (isAgain: boolean) => Promise<T>,
  attemptMs?: number,
): Promise<T> {
  if (bus.replicas === 1) {
    requireNats(bus, what);
    return within(what, attemptMs ?? storeTimeoutMs, attempt(false));
  }
  const nowMs = systemClock.nowMs();
  const call = callWaiting();
  const sinceMs = call.troubledSinceMs ?? nowMs;
  // Who has waited long for something else asks once all the same.
  const patienceEndsAtMs = Math.max(sinceMs + storeWaitMaxMs, nowMs + storeAttemptMs);
  const untilMs = Math.min(patienceEndsAtMs, call.deadlineAtMs - storeAnswerMarginMs);
  for (let isAgain = false; ; isAgain = true) {
    try {
      requireNats(bus, what);
      const leftMs = Math.max(1, untilMs - systemClock.nowMs());
      const done = await within(
        what,
        attemptMs ?? Math.min(storeAttemptMs, leftMs),
        attempt(isAgain),
      );
      if (!isAgain) call.troubledSinceMs = undefined;
      return done;
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code !== "unavailable") throw error;
      call.troubledSinceMs ??= nowMs;
      if (systemClock.nowMs() + storeAgainMs + storeAttemptMinMs > untilMs) throw error;
      await systemClock.sleep(storeAgainMs);
    }
  }
}

/**
 * Writes by compare-and-set. A write whose answer was lost has still been made: then the entry is this one.
 * @param revision of the entry that it replaces; 0 for none
 * @returns the revision; undefined when another was faster
 */
export function putPatiently(
  bus: PatientBus,
  what: string,
  bucket: Pick<KV, "get" | "put">,
  { key, value, revision }: { key: string; value: Uint8Array; revision: number },
): Promise<number | undefined> {
  return patiently(bus, what, async (isAgain) => {
    try {
      return await bucket.put(key, value, { previousSeq: revision });
    } catch (error) {
      if (!isLostRace(error)) throw error;
      const found = isAgain ? await bucket.get(key) : null;
      const isOwn = found?.operation === "PUT" && Buffer.compare(found.value, value) === 0;
      return isOwn && found.revision > revision ? found.revision : undefined;
    }
  });
}
