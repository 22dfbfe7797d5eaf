/**
 * Trend and strongest harmonics of the last day, extrapolated (after IceBreaker, Roy et al., ASPLOS
 * 2022): fitted anew every hour on what was seen until then; warm while the forecast exceeds a threshold,
 * and for a short while after a use.
 */
import type { SimulatedFunction, SlotPolicy, SlotSpan } from "@tidepool/policy";

const windowSlots = 1440;
const refitSlots = 60;
const harmonicCounts = [5, 10, 25] as const;
const keepMinutes = [0, 2, 5, 10] as const;
const thresholds = [0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7] as const;

interface Variant {
  readonly harmonics: number;
  readonly keep: number;
  readonly threshold: number;
}

const variants: Variant[] = [];
for (const harmonics of harmonicCounts.keys())
  for (const keep of keepMinutes)
    for (const threshold of thresholds) variants.push({ harmonics, keep, threshold });

export const fourier: SlotPolicy = {
  name: "FFT",
  knobs: variants.map(
    (v) => `${harmonicCounts[v.harmonics] ?? 0} harmonics, ${v.keep} min, over ${v.threshold}`,
  ),
  open: (calls, { slots }, scoreFrom) => {
    const forecasts = forecastAll(calls, slots, scoreFrom);
    return (knob) => {
      const variant = variants[knob];
      if (variant === undefined) throw new RangeError(`variant ${knob} of ${variants.length}`);
      const forecast = forecasts[variant.harmonics] ?? new Float32Array(0);
      const spans: SlotSpan[] = [];
      for (let slot = scoreFrom; slot < slots; slot += 1)
        if ((forecast[slot] ?? 0) > variant.threshold) spans.push({ from: slot, to: slot });
      for (const slot of calls.slots) spans.push({ from: slot + 1, to: slot + variant.keep });
      return spans;
    };
  },
};

/** By number of harmonics: the forecast of every scored slot. */
function forecastAll(calls: SimulatedFunction, slots: number, scoreFrom: number): Float32Array[] {
  const seen = new Uint8Array(slots);
  for (const minute of calls.slots) seen[minute] = 1;
  const all = harmonicCounts.map(() => new Float32Array(slots));
  for (let at = scoreFrom; at < slots; at += refitSlots) {
    const length = Math.min(windowSlots, at);
    const from = at - length;
    const points: number[] = [];
    for (let slot = from; slot < at; slot += 1) if (seen[slot] === 1) points.push(slot - from);
    // One slot has no trend.
    if (points.length === 0 || length < 2) continue;
    const { mean, slope } = trendOf(points, length);
    const waves = spectrum(points, length, slope);
    for (const [index, count] of harmonicCounts.entries()) {
      const forecast = all[index];
      const strongest = waves.slice(0, count);
      for (let slot = at; slot < Math.min(slots, at + refitSlots); slot += 1) {
        let value = mean + slope * (slot - from - (length - 1) / 2);
        for (const wave of strongest)
          value +=
            wave.size * Math.cos((2 * Math.PI * wave.turns * (slot - from)) / length + wave.phase);
        if (forecast !== undefined) forecast[slot] = value;
      }
    }
  }
  return all;
}

function trendOf(points: readonly number[], length: number): { mean: number; slope: number } {
  const middle = (length - 1) / 2;
  let across = 0;
  for (const x of points) across += x - middle;
  const square = (length * (length * length - 1)) / 12;
  return { mean: points.length / length, slope: across / square };
}

interface Wave {
  readonly turns: number;
  readonly size: number;
  readonly phase: number;
}

/** The harmonics of ones at `points` without their trend, strongest first. */
function spectrum(points: readonly number[], length: number, slope: number): Wave[] {
  const cosines = new Float64Array(length);
  const sines = new Float64Array(length);
  for (let i = 0; i < length; i += 1) {
    cosines[i] = Math.cos((2 * Math.PI * i) / length);
    sines[i] = Math.sin((2 * Math.PI * i) / length);
  }
  const waves: Wave[] = [];
  for (let turns = 1; turns <= length >> 1; turns += 1) {
    let real = 0;
    let imaginary = 0;
    for (const x of points) {
      const at = (turns * x) % length;
      real += cosines[at] ?? 0;
      imaginary -= sines[at] ?? 0;
    }
    // The transform of a line from 0 to length−1, in closed form.
    real += (slope * length) / 2;
    imaginary -= (slope * length) / (2 * Math.tan((Math.PI * turns) / length));
    const scale = turns * 2 === length ? 1 / length : 2 / length;
    waves.push({
      turns,
      size: Math.hypot(real, imaginary) * scale,
      phase: Math.atan2(imaginary, real),
    });
  }
  return waves.toSorted((a, b) => b.size - a.size).slice(0, Math.max(...harmonicCounts));
}
