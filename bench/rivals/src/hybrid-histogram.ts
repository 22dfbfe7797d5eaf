/**
 * The hybrid histogram policy of "Serverless in the Wild" (Shahrad et al., USENIX ATC 2020): a histogram
 * of idle times in 240 bins of a minute says when to load before, and how long to keep after; where it
 * is not representative a standard keep-alive serves; where idle times mostly exceed it, a time series.
 */
import type { SlotPolicy, SlotSpan } from "@tidepool/policy";

const binsMax = 240;
const headMargin = 0.9;
const tailMargin = 1.1;
const seriesMargin = 0.15;
const outOfBoundsShareMax = 0.5;
const seriesMin = 4;

interface Variant {
  readonly keepMinutes: number;
  readonly variationMin: number;
  readonly head: number;
  readonly tail: number;
}

const variants: Variant[] = [];
for (const keepMinutes of [5, 10, 20, 60, 120, 240])
  for (const variationMin of [1, 2, 5, 10])
    for (const [head, tail] of [
      [0.05, 0.99],
      [0.05, 0.95],
    ] as const)
      variants.push({ keepMinutes, variationMin, head, tail });

/** The paper's own setting: a standard keep-alive of four hours. */
export const hybridStandardKnob = variants.findIndex(
  (v) => v.keepMinutes === 240 && v.variationMin === 2 && v.tail === 0.99,
);

export const hybridHistogram: SlotPolicy = {
  name: "hybrid histogram",
  knobs: variants.map(
    (v) => `${v.keepMinutes} min, variation ${v.variationMin}, ${v.head}-${v.tail}`,
  ),
  open: (calls, workload) => (knob) => {
    const variant = variants[knob];
    if (variant === undefined) throw new RangeError(`variant ${knob} of ${variants.length}`);
    const bins = new Float64Array(binsMax);
    const idleTimes: number[] = [];
    const spans: SlotSpan[] = [];
    let inBounds = 0;
    let squares = 0;
    for (const [index, minute] of calls.slots.entries()) {
      const before = calls.slots[index - 1];
      if (before !== undefined) {
        const idle = minute - before;
        idleTimes.push(idle);
        if (idle < binsMax) {
          const count = bins[idle] ?? 0;
          bins[idle] = count + 1;
          squares += 2 * count + 1;
          inBounds += 1;
        }
      }
      const [from, to] = windowOf(variant, bins, idleTimes, { inBounds, squares });
      // The next use starts its own window.
      const next = calls.slots[index + 1] ?? workload.slots;
      spans.push({ from: minute + from, to: Math.min(minute + to, next) });
    }
    return spans;
  },
};

/** Minutes after a use between which the instance is warm. */
function windowOf(
  variant: Variant,
  bins: Float64Array,
  idleTimes: readonly number[],
  { inBounds, squares }: { readonly inBounds: number; readonly squares: number },
): readonly [number, number] {
  const standard = [1, variant.keepMinutes] as const;
  if (idleTimes.length === 0) return standard;
  const outOfBounds = idleTimes.length - inBounds;
  if (outOfBounds > idleTimes.length * outOfBoundsShareMax) {
    const next = seriesForecast(idleTimes);
    if (next === undefined) return standard;
    return [
      Math.max(1, Math.floor(next * (1 - seriesMargin))),
      Math.ceil(next * (1 + seriesMargin)),
    ];
  }
  if (variationOf(inBounds, squares) < variant.variationMin) return standard;
  const head = percentile(bins, inBounds, variant.head);
  const tail = percentile(bins, inBounds, variant.tail);
  return [Math.max(1, Math.floor(head * headMargin)), Math.ceil(tail * tailMargin)];
}

/** Coefficient of variation of the bins' counts, from their sum and that of their squares: low when flat. */
function variationOf(total: number, squares: number): number {
  const mean = total / binsMax;
  return mean === 0 ? 0 : Math.sqrt(Math.max(0, squares / binsMax - mean * mean)) / mean;
}

function percentile(bins: Float64Array, total: number, share: number): number {
  let seen = 0;
  for (const [bin, count] of bins.entries()) {
    seen += count;
    if (seen >= total * share) return bin;
  }
  return binsMax - 1;
}

/** First-order autoregression on the idle times, in place of the paper's automatic ARIMA. */
function seriesForecast(idleTimes: readonly number[]): number | undefined {
  if (idleTimes.length < seriesMin) return undefined;
  const recent = idleTimes.slice(-64);
  const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
  let across = 0;
  let square = 0;
  for (let i = 1; i < recent.length; i += 1) {
    across += ((recent[i] ?? 0) - mean) * ((recent[i - 1] ?? 0) - mean);
    square += ((recent[i - 1] ?? 0) - mean) ** 2;
  }
  const slope = square === 0 ? 0 : Math.max(-0.95, Math.min(0.95, across / square));
  return Math.max(1, mean + slope * ((recent.at(-1) ?? mean) - mean));
}
