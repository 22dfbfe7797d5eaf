/**
 * Runs of warm slots, and how one function's run of them is scored: a slot with calls and no warm instance is
 * a cold start, every warm slot is paid for, and each change from off to on is a load. Work follows the
 * number of calls and runs, not of slots.
 */

/** Slots `from` to `to`, both included. */
export interface SlotSpan {
  readonly from: number;
  readonly to: number;
}

export interface SlotScore {
  readonly cold: number;
  readonly waste: number;
  readonly loads: number;
}

/** In order, without overlap or touching neighbours, inside `0` to `slots − 1`. */
export function mergeSpans(spans: readonly SlotSpan[], slots: number): SlotSpan[] {
  const sorted = isSorted(spans) ? spans : spans.toSorted((a, b) => a.from - b.from);
  const merged: { from: number; to: number }[] = [];
  for (const span of sorted) {
    const from = Math.max(0, span.from);
    const to = Math.min(slots - 1, span.to);
    if (to < from) continue;
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

/**
 * @param hits slots with calls, ascending
 * @param warm merged
 * @param onCold told of each scored cold slot
 */
export function scoreSpans(
  hits: readonly number[],
  warm: readonly SlotSpan[],
  scoreFrom: number,
  slots: number,
  onCold: (slot: number) => void = () => {},
): SlotScore {
  let waste = 0;
  for (const { from, to } of warm) waste += Math.max(0, to - Math.max(from, scoreFrom) + 1);
  let cold = 0;
  let next = 0;
  const on: SlotSpan[] = [...warm];
  for (const slot of hits) {
    while ((warm[next]?.to ?? Infinity) < slot) next += 1;
    if ((warm[next]?.from ?? Infinity) <= slot) continue;
    // A cold start loads too: the instance is on in its slot, and stays on where the next slot is warm.
    on.push({ from: slot, to: slot });
    if (slot < scoreFrom) continue;
    cold += 1;
    onCold(slot);
  }
  const loads = mergeSpans(on, slots).filter(({ from }) => from >= scoreFrom).length;
  return { cold, waste, loads };
}

function isSorted(spans: readonly SlotSpan[]): boolean {
  return spans.every((span, index) => span.from >= (spans[index - 1]?.from ?? span.from));
}
