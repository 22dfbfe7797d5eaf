/** Calls of a function at a period, each when it is due: a test says how many it needs, and what it needs of them. */
import { systemClock } from "@tidepool/common";
import type { InvokeResult, TidepoolClient } from "@tidepool/sdk";

/** @returns makes the next call; a period that is over by then is left out @param lastAtMs of the call before the first */
export function periodicCalls(
  client: TidepoolClient,
  name: string,
  periodMs: number,
  lastAtMs: number,
): () => Promise<InvokeResult> {
  let dueAtMs = lastAtMs;
  return async () => {
    dueAtMs += Math.max(1, Math.ceil((Date.now() - dueAtMs) / periodMs)) * periodMs;
    await systemClock.sleep(dueAtMs - Date.now());
    return client.invoke(name, dueAtMs);
  };
}

/** Calls until one after the other is as it should be, so many times. A call that the machine held up begins anew. */
export async function untilInARow<T>(
  count: number,
  call: () => Promise<T>,
  isMeant: (of: T) => boolean,
  callsMax: number,
): Promise<readonly T[]> {
  const seen: T[] = [];
  while (seen.length < callsMax) {
    seen.push(await call());
    const last = seen.slice(-count);
    if (last.length === count && last.every(isMeant)) return last;
  }
  throw new Error(`not ${count} in a row of ${callsMax} calls: ${JSON.stringify(seen)}`);
}
