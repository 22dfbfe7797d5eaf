/**
 * Runs a policy over the known calls of one function under a virtual clock: every call, wake and release in
 * its order, VMs ready one preparing time after their order. The same calls give the same figures.
 */
import type { FunctionPolicy } from "../function-policy.ts";
import { isKeptAsUsual } from "../plan/index.ts";
import type { Decision, FunctionRecord, PlanPolicy, Prewarm } from "../plan/index.ts";

/** `predicted`: a VM that was prepared or kept for this window; `warm`: one left from an earlier call. */
export type Start = "predicted" | "warm" | "cold";

/** A host tells of a VM that became idle within this time; a plan made at the call waits so long for it. */
export const settleMs = 200;

export interface ReplayOptions {
  readonly policy: FunctionPolicy;
  readonly settings: PlanPolicy;
  /** From the order of a VM to its being ready. */
  readonly prepareMs: number;
  readonly callMs: number;
  /** Calls and idle time before it are history only; 0 when absent. */
  readonly scoreFromMs?: number;
  /** VMs still idle are counted until then. */
  readonly untilMs: number;
  /** Told of every scored call, and how long its VM had waited; 0 when it is cold. */
  readonly onStart?: (start: Start, atMs: number, waitedMs: number) => void;
  /** Told of every decision, in the order of time. */
  readonly onDecision?: (decision: Decision, atMs: number, reason: "call" | "wake") => void;
}

export interface FunctionReplay {
  readonly calls: number;
  readonly cold: number;
  readonly warm: number;
  readonly predicted: number;
  /** VMs that the function's code was loaded on: for a cold call, or ahead. */
  readonly loads: number;
  /** VMs with the function's code that waited. */
  readonly idleVmMs: number;
  readonly record: FunctionRecord;
}

interface Vm {
  readyAtMs: number;
  releaseAtMs: number;
  isReserved: boolean;
}

/** `callsAtMs` in ascending order; the same instant several times is several calls at once. */
export function replayFunction(
  callsAtMs: Iterable<number>,
  options: ReplayOptions,
): FunctionReplay {
  const { policy, settings, prepareMs, callMs, untilMs, scoreFromMs = 0 } = options;
  const started = { predicted: 0, warm: 0, cold: 0 };
  let record = policy.createRecord(settings);
  let vms: Vm[] = [];
  let idleVmMs = 0;
  let loads = 0;
  let wakeAtMs: number | undefined;
  /** Until then calls are not planned for, and what they leave has the keep-alive. */
  let heldUntilMs = 0;
  /** Of the latest pre-warm. */
  let preparedUntilMs = 0;

  const idled = (fromMs: number, toMs: number): void => {
    idleVmMs += Math.max(0, Math.min(toMs, untilMs) - Math.max(fromMs, scoreFromMs));
  };
  const release = (nowMs: number): void => {
    if (vms.every((vm) => vm.releaseAtMs > nowMs)) return;
    for (const vm of vms)
      if (vm.releaseAtMs <= nowMs) idled(vm.readyAtMs, Math.max(vm.readyAtMs, vm.releaseAtMs));
    vms = vms.filter((vm) => vm.releaseAtMs > nowMs);
  };
  const order = (prewarm: Prewarm, nowMs: number): void => {
    record = policy.notePrewarmed(record, prewarm);
    preparedUntilMs = prewarm.releaseAtMs;
    for (const vm of vms.slice(0, prewarm.count)) {
      vm.releaseAtMs = Math.max(vm.releaseAtMs, prewarm.releaseAtMs);
      vm.isReserved = true;
    }
    if (nowMs >= scoreFromMs) loads += prewarm.orderCount;
    for (let i = 0; i < prewarm.orderCount; i += 1)
      vms.push({
        readyAtMs: nowMs + prepareMs,
        releaseAtMs: prewarm.releaseAtMs,
        isReserved: true,
      });
  };
  const plan = (nowMs: number, reason: "call" | "wake"): void => {
    const idleVmCount = vms.filter((vm) => vm.readyAtMs <= nowMs).length;
    const decision = policy.decide(record, settings, { idleVmCount }, nowMs);
    options.onDecision?.(decision, nowMs, reason);
    wakeAtMs = decision.nextWakeAtMs;
    const { prewarm, keepUntilMs, holdsUntilMs = 0 } = decision;
    const isHeld = preparedUntilMs <= nowMs && isKeptAsUsual(decision, settings, nowMs);
    heldUntilMs = isHeld ? holdsUntilMs : 0;
    if (nowMs < heldUntilMs)
      for (const vm of vms) vm.releaseAtMs = Math.max(vm.releaseAtMs, keepUntilMs);
    if (prewarm === undefined || prewarm.startAtMs > nowMs) return;
    if (reason === "call" && canSettle(prewarm, settings, nowMs))
      wakeAtMs = Math.min(wakeAtMs ?? Number.POSITIVE_INFINITY, nowMs + settleMs);
    else order(prewarm, nowMs);
  };
  const runUntil = (nowMs: number): void => {
    while (wakeAtMs !== undefined && wakeAtMs <= nowMs) {
      const atMs = wakeAtMs;
      release(atMs);
      plan(atMs, "wake");
    }
    release(nowMs);
  };
  const keptFrom = (readyAtMs: number): Vm => {
    if (readyAtMs < heldUntilMs)
      return { readyAtMs, releaseAtMs: readyAtMs + settings.keepAliveMs, isReserved: false };
    const { keepUntilMs } = policy.decide(record, settings, { idleVmCount: 0 }, readyAtMs);
    return { readyAtMs, releaseAtMs: keepUntilMs, isReserved: false };
  };
  const serve = (nowMs: number): { start: Start; waitedMs: number } => {
    const idle = vms.filter((vm) => vm.readyAtMs <= nowMs);
    const chosen = idle.find((vm) => vm.isReserved) ?? idle.at(-1);
    if (chosen === undefined) {
      vms.push(keptFrom(nowMs + prepareMs + callMs));
      return { start: "cold", waitedMs: 0 };
    }
    const waitedMs = nowMs - chosen.readyAtMs;
    idled(chosen.readyAtMs, nowMs);
    vms.splice(vms.indexOf(chosen), 1, keptFrom(nowMs + callMs));
    return { start: chosen.isReserved ? "predicted" : "warm", waitedMs };
  };

  for (const atMs of callsAtMs) {
    runUntil(atMs);
    record = policy.noteArrival(record, settings, atMs);
    const { start, waitedMs } = serve(atMs);
    if (atMs >= scoreFromMs) {
      started[start] += 1;
      if (start === "cold") loads += 1;
      options.onStart?.(start, atMs, waitedMs);
    }
    if (atMs >= heldUntilMs) plan(atMs, "call");
  }
  runUntil(untilMs);
  for (const vm of vms) idled(vm.readyAtMs, untilMs);
  const { predicted, warm, cold } = started;
  return { calls: predicted + warm + cold, cold, warm, predicted, loads, idleVmMs, record };
}

/** Whether what the call leaves behind can be known first, and the pre-warm still be in time. */
export function canSettle(prewarm: Prewarm, settings: PlanPolicy, nowMs: number): boolean {
  return prewarm.orderCount > 0 && prewarm.readyByMs - settings.prepareP95Ms - settleMs > nowMs;
}
