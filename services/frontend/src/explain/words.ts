/** Times in a sentence: UTC, since server and reader may be in different places. */
import type { Span } from "./call-facts.ts";

const dayMs = 86_400_000;

/** "10:30:00 UTC", with the day where it is another than that of `nearMs`. */
export function instant(atMs: number, nearMs: number): string {
  const text = new Date(atMs).toISOString();
  const isSameDay = Math.floor(atMs / dayMs) === Math.floor(nearMs / dayMs);
  return `${isSameDay ? "" : `${text.slice(0, 10)} `}${text.slice(11, 19)} UTC`;
}

/** "0.25 s", "45 s", "3 min 20 s", "2 h 5 min". */
export function duration(ms: number): string {
  const seconds = Math.abs(ms) / 1_000;
  if (seconds < 10) return `${Number(seconds.toFixed(2))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(whole / 60);
  return pair(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

/** "10:30:00 UTC ± 5 s (degree 0.94)" */
export function expected(window: Span, nearMs: number): string {
  const half = duration((window.endAtMs - window.startAtMs) / 2);
  return `${instant(window.expectedAtMs, nearMs)} ± ${half} (degree ${window.degree.toFixed(2)})`;
}

/** "0.4 s early", "2 s late" */
export function offBy(atMs: number, window: Span): string {
  const offMs = atMs - window.expectedAtMs;
  return `${duration(offMs)} ${offMs < 0 ? "early" : "late"}`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
