/** A VM's view for tests: an idle VM of "echo" unless something else matters. */
import type { VmView } from "../vm/vm-view.ts";

let count = 0;

export function aVm(overrides: Partial<VmView> = {}): VmView {
  return {
    vmId: `vm-${++count}`,
    phase: "idle",
    config: { runtime: "nodejs20", memoryMib: 128 },
    functionName: "echo",
    version: "1",
    isSpokenFor: false,
    isForCall: false,
    isPaused: false,
    isWaitingForRoom: false,
    isProvisioned: false,
    createdAtMs: 0,
    assignedAtMs: 0,
    usedAtMs: 0,
    idleSinceMs: 0,
    callCount: 0,
    keepUntilMs: 1_000,
    nextUseAtMs: 1_000,
    ...overrides,
  };
}

export function anUnowned(overrides: Partial<VmView> = {}): VmView {
  return aVm({ phase: "warming", functionName: undefined, version: undefined, ...overrides });
}
