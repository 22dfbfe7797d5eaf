/**
 * Runs the plan over known calls of one function under a virtual clock: every call, wake and release in
 * its order, VMs ready one preparing time after their order. The same calls give the same figures.
 */
import { decide, type Prewarm } from "./decide.ts";
import type { PlanPolicy } from "./policy.ts";
import { createRecord, noteArrival, notePrewarmed, type FunctionRecord } from "./record.ts";

export interface PolicyReplay {
  /** How each call started, in the order of the calls. */
  readonly starts: readonly Start[];
  readonly idleVmMs: number;
  readonly prewarmedVmCount: number;
  readonly record: FunctionRecord;
}

/** `predicted`: a VM that was prepared or kept for this window; `warm`: one left from an earlier call. */
export type Start = "predicted" | "warm" | "cold";

export interface ReplayOptions {
  readonly policy: PlanPolicy;
  readonly prepareMs: number;
  readonly callMs: number;
  /** VMs still idle are counted until then. */
  readonly untilMs: number;
}

interface Vm {
  readyAtMs: number;
  releaseAtMs: number;
  isReserved: boolean;
}

/** `callsAtMs` in ascending order; the same instant several times is several calls at once. */
export function replayPolicy(callsAtMs: readonly number[], options: ReplayOptions): PolicyReplay {
  const { policy, prepareMs, callMs, untilMs } = options;
  const starts: Start[] = [];
  let record = createRecord(policy);
  let vms: Vm[] = [];
  let idleVmMs = 0;
  let prewarmedVmCount = 0;
  let wakeAtMs: number | undefined;

  const release = (nowMs: number): void => {
    for (const vm of vms)
      if (vm.releaseAtMs <= nowMs) idleVmMs += Math.max(0, vm.releaseAtMs - vm.readyAtMs);
    vms = vms.filter((vm) => vm.releaseAtMs > nowMs);
  };
  const order = (prewarm: Prewarm, nowMs: number): void => {
    record = notePrewarmed(record, prewarm);
    for (const vm of vms.slice(0, prewarm.count)) {
      vm.releaseAtMs = Math.max(vm.releaseAtMs, prewarm.releaseAtMs);
      vm.isReserved = true;
    }
    prewarmedVmCount += prewarm.orderCount;
    for (let i = 0; i < prewarm.orderCount; i += 1)
      vms.push({
        readyAtMs: nowMs + prepareMs,
        releaseAtMs: prewarm.releaseAtMs,
        isReserved: true,
      });
  };
  const plan = (nowMs: number): void => {
    const idleVmCount = vms.filter((vm) => vm.readyAtMs <= nowMs).length;
    const decision = decide(record, policy, { idleVmCount }, nowMs);
    wakeAtMs = decision.nextWakeAtMs;
    const { prewarm } = decision;
    if (prewarm !== undefined && prewarm.startAtMs <= nowMs) order(prewarm, nowMs);
  };
  const runUntil = (nowMs: number): void => {
    while (wakeAtMs !== undefined && wakeAtMs <= nowMs) {
      const atMs = wakeAtMs;
      release(atMs);
      plan(atMs);
    }
    release(nowMs);
  };
  const serve = (nowMs: number): void => {
    const idle = vms.filter((vm) => vm.readyAtMs <= nowMs);
    const chosen = idle.find((vm) => vm.isReserved) ?? idle.at(-1);
    const keepFrom = (readyAtMs: number): Vm => {
      const { keepUntilMs } = decide(record, policy, { idleVmCount: 0 }, readyAtMs);
      return { readyAtMs, releaseAtMs: keepUntilMs, isReserved: false };
    };
    if (chosen === undefined) {
      starts.push("cold");
      vms.push(keepFrom(nowMs + prepareMs + callMs));
      return;
    }
    starts.push(chosen.isReserved ? "predicted" : "warm");
    idleVmMs += nowMs - chosen.readyAtMs;
    vms.splice(vms.indexOf(chosen), 1, keepFrom(nowMs + callMs));
  };

  for (const atMs of callsAtMs) {
    runUntil(atMs);
    record = noteArrival(record, policy, atMs);
    serve(atMs);
    plan(atMs);
  }
  runUntil(untilMs);
  for (const vm of vms) idleVmMs += Math.max(0, untilMs - vm.readyAtMs);
  return { starts, idleVmMs, prewarmedVmCount, record };
}
