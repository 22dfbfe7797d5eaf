/** Generic VMs that the cold starts of one slot need, over functions drawn anew; at one setting of a policy. */
import { draws, intervalOf, type Interval } from "./figures.ts";
import { poolDemand } from "./pool.ts";
import type { SlotPolicy } from "./slot-score.ts";
import { mergeSpans, scoreSpans } from "./spans.ts";
import type { Workload } from "./workload.ts";

export interface PoolFigures {
  readonly worst: Interval;
  readonly p999: Interval;
}

/** By function, its scored slots that began cold. */
export function coldSlots(
  workload: Workload,
  policy: SlotPolicy,
  knob: number,
  scoreFrom: number,
): number[][] {
  const { slots } = workload;
  return workload.functions.map((calls) => {
    const cold: number[] = [];
    const warm = mergeSpans(policy.open(calls, workload, scoreFrom)(knob), slots);
    scoreSpans(calls.slots, warm, scoreFrom, slots, (slot) => cold.push(slot - scoreFrom));
    return cold;
  });
}

/** @param slotCount scored slots */
export function poolFigures(cold: readonly (readonly number[])[], slotCount: number): PoolFigures {
  const demand = (times: ArrayLike<number> | undefined): ReturnType<typeof poolDemand> => {
    const bySlot = new Uint32Array(slotCount);
    for (const [index, slots] of cold.entries()) {
      const count = times === undefined ? 1 : (times[index] ?? 0);
      if (count > 0) for (const slot of slots) bySlot[slot] = (bySlot[slot] ?? 0) + count;
    }
    return poolDemand(bySlot);
  };
  const measured = demand(undefined);
  const drawn = draws(cold.length).map(demand);
  return {
    worst: intervalOf(
      measured.worst,
      drawn.map(({ worst }) => worst),
    ),
    p999: intervalOf(
      measured.p999,
      drawn.map(({ p999 }) => p999),
    ),
  };
}
