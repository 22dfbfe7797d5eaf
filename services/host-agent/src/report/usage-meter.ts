/**
 * What VMs use of memory over time, by function: running calls are charged to the caller; loading and waiting to
 * the platform.
 */
import type { UsageBook } from "@tidepool/actors";
import { subjects } from "@tidepool/proto";
import type { VmPhase } from "../vm/phases.ts";
import type { Vm } from "../vm/vm.ts";

type Charged = "gbSeconds" | "idleGbSeconds";

const chargedBy: Partial<Record<VmPhase, Charged>> = {
  loading: "idleGbSeconds",
  idle: "idleGbSeconds",
  busy: "gbSeconds",
};

type Metered = Pick<Vm, "vmId" | "config" | "assignment">;

export class UsageMeter {
  private readonly add: UsageBook["add"];
  private readonly open = new Map<string, { vm: Metered; charged: Charged; sinceMs: number }>();

  constructor(add: UsageBook["add"]) {
    this.add = add;
  }

  /** The VM has come into the phase. */
  note(vm: Metered, phase: VmPhase, nowMs: number): void {
    this.charge(vm.vmId, nowMs);
    const charged = vm.assignment === undefined ? undefined : chargedBy[phase];
    if (charged === undefined) this.open.delete(vm.vmId);
    else this.open.set(vm.vmId, { vm, charged, sinceMs: nowMs });
  }

  /** Adds up what goes on until now. */
  settle(nowMs: number): void {
    for (const vmId of this.open.keys()) this.charge(vmId, nowMs);
  }

  private charge(vmId: string, nowMs: number): void {
    const entry = this.open.get(vmId);
    const owned = entry?.vm.assignment?.owned;
    if (entry === undefined || owned === undefined) return;
    const seconds = Math.max(0, nowMs - entry.sinceMs) / 1_000;
    entry.sinceMs = nowMs;
    if (seconds === 0) return;
    const { name: functionName, version, memoryMib } = owned;
    const tenant = subjects.tenantOf(functionName);
    this.add({ tenant, functionName, version }, { [entry.charged]: (memoryMib / 1_024) * seconds });
  }
}
