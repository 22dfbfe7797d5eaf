/**
 * Where within a slot a function's calls come, by circular statistics: each call is a point
 * on the dial, recent ones count more. Where they lie together an instance need not wait the whole slot.
 */

export interface Phase {
  readonly cosine: number;
  readonly sine: number;
  /** Damped number of calls seen. */
  readonly weight: number;
}

export const phaseNone: Phase = { cosine: 0, sine: 0, weight: 0 };

/** Share of a call that still counts one call later. */
const phaseKept = 0.9;
/** Calls to be known before they are believed to lie together. */
const weightMin = 3;
/** About a millisecond of a minute. */
const slotStartDoubt = 1e-9;
/** Spreads beside the mean instant within which a call is expected. */
const spreadsBeside = 3;

export function notePhase(phase: Phase, atMs: number, slotMs: number): Phase {
  const angle = (2 * Math.PI * (atMs % slotMs)) / slotMs;
  return {
    cosine: phase.cosine * phaseKept + Math.cos(angle),
    sine: phase.sine * phaseKept + Math.sin(angle),
    weight: phase.weight * phaseKept + 1,
  };
}

/** Whether all calls came at the very start of their slots: a clock that counts in whole slots. */
export function isSlotClock({ cosine, weight }: Phase): boolean {
  return weight >= weightMin && cosine >= weight * (1 - slotStartDoubt);
}

/** Where in the slot a call is expected, in milliseconds from its begin; all of it while unsure. */
export function withinSlot(
  phase: Phase,
  slotMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const whole = { fromMs: 0, toMs: slotMs };
  if (phase.weight < weightMin) return whole;
  // A little less together than seen: a handful of calls may agree by chance.
  const length = Math.hypot(phase.cosine, phase.sine);
  const together = Math.min(0.999_999, Math.max(0, (length - 0.02) / phase.weight));
  if (together <= 0) return whole;
  const spreadMs = (Math.sqrt(-2 * Math.log(together)) * slotMs) / (2 * Math.PI);
  const meanMs = (Math.atan2(phase.sine, phase.cosine) * slotMs) / (2 * Math.PI);
  const from = ((meanMs + slotMs) % slotMs) - spreadsBeside * spreadMs;
  const to = ((meanMs + slotMs) % slotMs) + spreadsBeside * spreadMs;
  // A call close to a slot's edge may come on either side of it.
  return from < 0 || to > slotMs ? whole : { fromMs: from, toMs: to };
}
