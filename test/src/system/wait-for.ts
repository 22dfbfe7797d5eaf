/** Waits for a level, never for a time: fails with what it last saw. */
import { inspect } from "node:util";
import { systemClock } from "@tidepool/common";

const pollMs = 25;
/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

export async function waitFor<T>(
  what: string,
  look: () => T | Promise<T>,
  isThere: (seen: T) => boolean,
  maxMs = conditionMaxMs,
): Promise<T> {
  const endsAtMs = Date.now() + maxMs;
  for (;;) {
    const seen = await look();
    if (isThere(seen)) return seen;
    if (Date.now() > endsAtMs) {
      throw new Error(
        `${what} did not come in ${maxMs} ms; last seen: ${inspect(seen, { depth: 4, maxArrayLength: 50 })}`,
      );
    }
    await systemClock.sleep(pollMs);
  }
}
