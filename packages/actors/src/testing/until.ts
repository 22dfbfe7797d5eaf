/** Tests wait for what must come to be, and never for a time. */
import { inspect } from "node:util";
import { systemClock } from "@tidepool/common";

/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;
const pollMs = 10;

/** A claim that throws does not hold yet. @throws Error with the claim, and what it came to last */
export async function until(
  claim: () => boolean | Promise<boolean>,
  waitMaxMs = conditionMaxMs,
): Promise<void> {
  const deadlineAtMs = systemClock.nowMs() + waitMaxMs;
  let last: unknown;
  do {
    try {
      last = await claim();
      if (last === true) return;
    } catch (error) {
      last = error;
    }
    await systemClock.sleep(pollMs);
  } while (systemClock.nowMs() < deadlineAtMs);
  throw new Error(`not in ${waitMaxMs} ms: ${claim.toString()}; last seen: ${inspect(last)}`);
}
