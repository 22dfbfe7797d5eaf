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

/** Of one policy, over several parts of the functions, in their order. */
export function joinScores(parts: readonly SlotScores[]): SlotScores {
  const [first] = parts;
  if (first === undefined) throw new RangeError("no scores to join");
  const functionCount = parts.reduce((sum, part) => sum + part.functionCount, 0);
  const { policy, knobs } = first;
  const joined = (of: (part: SlotScores) => Float64Array): Float64Array => {
    const all = new Float64Array(knobs.length * functionCount);
    let before = 0;
    for (const part of parts) {
      const { functionCount: count } = part;
      for (const knob of knobs.keys())
        all.set(of(part).subarray(knob * count, (knob + 1) * count), knob * functionCount + before);
      before += count;
    }
    return all;
  };
  return {
    policy,
    knobs,
    functionCount,
    cold: joined(({ cold }) => cold),
    waste: joined(({ waste }) => waste),
    loads: joined(({ loads }) => loads),
    coldBySlot: knobs.map((_, knob) => sumBySlot(parts.map((part) => part.coldBySlot[knob]))),
  };
}

export function sumBySlot(parts: readonly (Uint32Array | undefined)[]): Uint32Array {
  const sum = new Uint32Array(Math.max(0, ...parts.map((part) => part?.length ?? 0)));
  for (const part of parts)
    for (const [slot, count] of part?.entries() ?? []) sum[slot] = (sum[slot] ?? 0) + count;
  return sum;
}
