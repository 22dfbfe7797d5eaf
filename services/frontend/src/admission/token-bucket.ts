/** Calls a second, with a burst: a bucket that fills at a rate and that each call takes one token of. Pure. */
import type { RateLimit } from "../functions/concurrency-settings.ts";

export class TokenBucket {
  private limit: RateLimit;
  private tokens: number;
  private filledAtMs: number;

  constructor(limit: RateLimit, nowMs: number) {
    this.limit = limit;
    this.tokens = limit.burst;
    this.filledAtMs = nowMs;
  }

  /** How long until it has a whole token, milliseconds; 0 when it has one now. */
  waitMs(limit: RateLimit, nowMs: number): number {
    this.fill(limit, nowMs);
    // What is left of adding up parts must not keep a call that is due.
    const missing = 1 - this.tokens - 1e-9;
    return missing <= 0 ? 0 : Math.ceil((missing / limit.callsPerSecond) * 1_000);
  }

  /** May go below none: others take from the same bucket, and tell of it later. */
  take(count: number): void {
    this.tokens = Math.max(this.tokens - count, -this.limit.burst);
  }

  private fill(limit: RateLimit, nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.filledAtMs);
    this.filledAtMs = Math.max(this.filledAtMs, nowMs);
    const filled = this.tokens + (passedMs / 1_000) * this.limit.callsPerSecond;
    // A limit that is raised fills from where the bucket stood.
    this.tokens = Math.min(limit.burst, filled);
    this.limit = limit;
  }
}
