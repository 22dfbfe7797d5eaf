/** A VM's step as a fact for the bus. Pure. */
import { failureToWire } from "@tidepool/common";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { windowToWire } from "../grpc/wire.ts";
import { poolRuntimeOf, vcpuCountOf } from "../hypervisor/vm-config.ts";
import type { VmPhase } from "../vm/phases.ts";
import type { Vm } from "../vm/vm.ts";

export function factOf(
  vm: Vm,
  phase: VmPhase,
  hostId: string,
  nowMs: number,
): tidepool.internal.v1.VmFact.$Properties {
  const { assignment, failure } = vm;
  const window = assignment?.window;
  return {
    hostId,
    vmId: vm.vmId,
    runtime: poolRuntimeOf(vm.config),
    memoryMib: vm.config.memoryMib,
    vcpuCount: vcpuCountOf(vm.config),
    phase,
    functionName: assignment?.owned.name ?? "",
    version: assignment?.owned.version ?? "",
    at: toTimestamp(nowMs),
    ...(phase === "gone" || phase === "stopping" ? { reason: vm.reason ?? "failed" } : {}),
    ...(failure === undefined ? {} : { failure: failureToWire(failure, "host") }),
    ...(window === undefined ? {} : { window: windowToWire(window) }),
    ...(phase === "gone" ? { idleMs: vm.idleMs } : {}),
    ...(phase === "idle" && vm.callCount === 0 && vm.assignedAtMs !== undefined
      ? { prepareMs: nowMs - vm.assignedAtMs }
      : {}),
  };
}
