/** How many VMs of a function should wait whatever is forecast, at an instant. Pure. */
import { nextTicks, ticksBetween } from "@tidepool/schedules";

export interface ProvisionedWindow {
  readonly count: number;
  /** When it begins; empty: always. */
  readonly fromCron: string;
  readonly durationMs: number;
  /** IANA name. */
  readonly timeZone: string;
}

export interface Provision {
  /** The most that any window that is open wants. */
  readonly count: number;
  /** When a window opens or closes next; undefined: never. */
  readonly changesAtMs: number | undefined;
}

export function provisionAt(windows: readonly ProvisionedWindow[], nowMs: number): Provision {
  let count = 0;
  let changesAtMs: number | undefined;
  const change = (atMs: number | undefined): void => {
    if (atMs !== undefined) changesAtMs = Math.min(atMs, changesAtMs ?? atMs);
  };
  for (const window of windows) {
    if (window.fromCron === "") {
      count = Math.max(count, window.count);
      continue;
    }
    const { durationMs } = window;
    const ticks = { cron: window.fromCron, timeZone: window.timeZone };
    const [begunAtMs] = ticksBetween(ticks, nowMs - durationMs, nowMs, 1);
    if (begunAtMs !== undefined) {
      count = Math.max(count, window.count);
      change(begunAtMs + durationMs);
    }
    change(nextTicks(ticks, nowMs, 1)[0]);
  }
  return { count, changesAtMs };
}
