/**
 * The measure of the published policies: slots of one minute, one instance a function. What a policy says of
 * a slot it says from slots before it. Each policy is scored at every setting of its one knob.
 */
import { mergeSpans, scoreSpans, type SlotSpan } from "./spans.ts";
import type { SimulatedFunction, Workload } from "./workload.ts";

export interface SlotPolicy {
  readonly name: string;
  /** Settings of the one knob, in words for tables and drawings. */
  readonly knobs: readonly string[];
  /** Opens one function's calls; what is returned gives its warm slots at a setting, in any order. */
  open(calls: SimulatedFunction, workload: Workload, scoreFrom: number): SlotRun;
}
export type SlotRun = (knob: number) => readonly SlotSpan[];

/** By knob and function (knob × functions + function), unweighted. */
export interface SlotScores {
  readonly policy: string;
  readonly knobs: readonly string[];
  readonly functionCount: number;
  readonly cold: Float64Array;
  readonly waste: Float64Array;
  readonly loads: Float64Array;
  /** Cold starts of distinct functions, by knob and scored slot. */
  readonly coldBySlot: readonly Uint32Array[];
}

export function scoreSlots(
  workload: Workload,
  policy: SlotPolicy,
  scoreFrom: number,
  onProgress: (done: number, total: number) => void = () => {},
): SlotScores {
  const { functions, slots } = workload;
  const size = policy.knobs.length * functions.length;
  const scores: SlotScores = {
    policy: policy.name,
    knobs: policy.knobs,
    functionCount: functions.length,
    cold: new Float64Array(size),
    waste: new Float64Array(size),
    loads: new Float64Array(size),
    coldBySlot: policy.knobs.map(() => new Uint32Array(Math.max(0, slots - scoreFrom))),
  };
  for (const [index, calls] of functions.entries()) {
    onProgress(index, functions.length);
    const run = policy.open(calls, workload, scoreFrom);
    for (const knob of policy.knobs.keys()) {
      const warm = mergeSpans(run(knob), slots);
      const cold = scores.coldBySlot[knob];
      const score = scoreSpans(calls.slots, warm, scoreFrom, slots, (slot) => {
        if (cold !== undefined) cold[slot - scoreFrom] = (cold[slot - scoreFrom] ?? 0) + 1;
      });
      const at = knob * functions.length + index;
      scores.cold[at] = score.cold;
      scores.waste[at] = score.waste;
      scores.loads[at] = score.loads;
    }
  }
  return scores;
}
