/**
 * Says when this process stood still: it was stopped, or had no processor. Others take it for dead meanwhile, a
 * nats-server for a slow consumer, and what they then do has its cause here.
 */
import type { Logger } from "./logger.ts";

const lookEveryMs = 500;
/** What others notice: pings to a nats-server are each two seconds. */
export const standstillMinMs = 2_000;

/** Does not keep the process alive. @returns how to end it */
export function warnOfStandstill(
  logger: Logger,
  { everyMs = lookEveryMs, minMs = standstillMinMs } = {},
): () => void {
  let lookedAtMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const stoodMs = Math.round(nowMs - lookedAtMs - everyMs);
    lookedAtMs = nowMs;
    if (stoodMs >= minMs) logger.warn("stood still", { stoodMs });
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
