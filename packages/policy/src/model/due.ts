/**
 * Which of the coming slots are worth a forecast at all: those soon after a call, as long after it as a
 * gap that was seen, or a whole number of rounds after earlier calls. All others are taken to be quiet,
 * so that a function costs work only where something is due.
 */
import type { CallView } from "./call-view.ts";

/** Slots after a call that are always forecast. */
export const soonSlots = 12;
/** Gaps looked at, newest first, and how far beside them a call may come. */
const gapsSeen = 64;
const gapReachShare = 0.1;
/** A function with more calls a slot than this, over its last gaps, may be called at any time. */
const busyRate = 0.02;
const busyGaps = 8;

/** Periods in slots, and how far beside them a call may come. */
const rounds = [
  [60, 3],
  [120, 4],
  [180, 4],
  [240, 4],
  [360, 6],
  [480, 6],
  [720, 8],
  [1440, 12],
  [2880, 8],
  [10_080, 12],
] as const;

/** Marks with 1 the slots from `slot` on that are due; `due` is as long as the look ahead. */
export function markDue(view: CallView, slot: number, due: Uint8Array): void {
  due.fill(0);
  const last = view.times[0] ?? 0;
  const mark = (centre: number, reach: number): void => {
    const from = Math.max(0, centre - reach - slot);
    const to = Math.min(due.length - 1, centre + reach - slot);
    for (let at = from; at <= to; at += 1) due[at] = 1;
  };
  mark(last, soonSlots);
  const busy = Math.min(busyGaps, view.count);
  if (busy > 0 && busy / (slot - (view.times[busy] ?? 0)) > busyRate) {
    due.fill(1);
    return;
  }
  for (let i = 0; i < Math.min(gapsSeen, view.count); i += 1) {
    const gap = view.gaps[i] ?? 0;
    mark(last + gap, Math.max(1, Math.floor(gap * gapReachShare)));
  }
  for (const [period, reach] of rounds) markRound(view, slot, due, period, reach, mark);
  const { period } = view.history;
  if (period === 0) return;
  for (let k = 1; k <= 3; k += 1) markRound(view, slot, due, k * period, 2, mark);
}

function markRound(
  view: CallView,
  slot: number,
  due: Uint8Array,
  period: number,
  reach: number,
  mark: (centre: number, reach: number) => void,
): void {
  let at = view.indexAtOrBefore(slot + due.length - 1 - period + reach);
  for (; at <= view.count; at += 1) {
    const time = view.times[at] ?? 0;
    if (time + period + reach < slot) return;
    mark(time + period, reach);
  }
}
