/**
 * A function policy in slots: all calls of a slot come at its start, one instance serves them, and a slot is
 * warm when the instance is ready at its start. The policy itself goes on deciding to the millisecond.
 */
import type { FunctionPolicy } from "../function-policy.ts";
import type { PlanPolicy } from "../plan/index.ts";
import type { SlotPolicy } from "./slot-score.ts";
import type { SlotSpan } from "./spans.ts";
import type { SimulatedFunction, Workload } from "./workload.ts";

export interface KnobSetting {
  readonly label: string;
  readonly settings: PlanPolicy;
}

export function policyOnSlots(
  name: string,
  policy: FunctionPolicy,
  settings: readonly KnobSetting[],
): SlotPolicy {
  return {
    name,
    knobs: settings.map(({ label }) => label),
    open: (calls, workload) => (knob) => {
      const chosen = settings[knob]?.settings;
      if (chosen === undefined) throw new RangeError(`knob ${knob} of ${settings.length}`);
      return warmSpans(calls, workload, policy, chosen);
    },
  };
}

/** The instance, from its being ready until its release. */
interface Held {
  readonly fromMs: number;
  untilMs: number;
  readonly isPrewarmed: boolean;
}

function warmSpans(
  { slots, counts }: SimulatedFunction,
  workload: Workload,
  policy: FunctionPolicy,
  settings: PlanPolicy,
): SlotSpan[] {
  const { slotMs } = workload;
  const spans: SlotSpan[] = [];
  let record = policy.createRecord(settings);
  let held: Held | undefined;
  let wakeAtMs: number | undefined;

  const close = (nowMs: number): void => {
    if (held === undefined) return;
    const from = Math.ceil(held.fromMs / slotMs);
    const to = Math.floor(Math.min(held.untilMs, nowMs) / slotMs);
    // Ready between two starts only: of no use to any call, and paid for all the same.
    if (to >= from) spans.push({ from, to });
    else if (held.isPrewarmed && held.untilMs < nowMs) spans.push({ from: from - 1, to: from - 1 });
    held = undefined;
  };
  const plan = (nowMs: number): void => {
    const isIdle = held !== undefined && held.fromMs <= nowMs + 1 && nowMs <= held.untilMs;
    const facts = { idleVmCount: isIdle ? 1 : 0 };
    const { prewarm, nextWakeAtMs } = policy.decide(record, settings, facts, nowMs);
    wakeAtMs = nextWakeAtMs;
    if (prewarm === undefined || prewarm.startAtMs > nowMs) return;
    record = policy.notePrewarmed(record, prewarm);
    if (held !== undefined && nowMs <= held.untilMs) {
      held.untilMs = Math.max(held.untilMs, prewarm.releaseAtMs);
      return;
    }
    close(nowMs);
    const fromMs = nowMs + settings.prepareP95Ms;
    held = { fromMs, untilMs: prewarm.releaseAtMs, isPrewarmed: true };
  };
  const runUntil = (nowMs: number): void => {
    while (wakeAtMs !== undefined && wakeAtMs <= nowMs) plan(wakeAtMs);
  };

  for (const [index, slot] of slots.entries()) {
    const nowMs = slot * slotMs;
    runUntil(nowMs);
    close(nowMs);
    record = policy.noteArrival(record, settings, nowMs, counts[index]);
    const { keepUntilMs } = policy.decide(record, settings, { idleVmCount: 0 }, nowMs);
    held = { fromMs: nowMs + 1, untilMs: keepUntilMs, isPrewarmed: false };
    plan(nowMs);
  }
  const endMs = workload.slots * slotMs;
  runUntil(endMs);
  close(endMs);
  return spans;
}
