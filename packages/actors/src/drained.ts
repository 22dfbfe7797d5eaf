/** Waits until a shard is drained, and no longer than it may hold up giving the shard back. */
import { systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";

export async function drained(
  draining: Promise<void>,
  { shard, maxMs, logger }: { shard: number; maxMs: number; logger: Logger },
): Promise<void> {
  const ended = new AbortController();
  const tooLong = systemClock.sleep(maxMs, ended.signal).then(
    () => logger.warn("draining took too long", { shard }),
    () => {}, // drained in time
  );
  const ending = draining.catch((error: unknown) =>
    logger.error("shard not drained", { shard, error }),
  );
  await Promise.race([ending, tooLong]);
  ended.abort();
}
