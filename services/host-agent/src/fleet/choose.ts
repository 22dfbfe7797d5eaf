/** Which VM serves: pure choices over the views of all VMs of the host. */
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import { configKey } from "../hypervisor/vm-config.ts";
import type { VmView } from "../vm/vm-view.ts";

interface Version {
  readonly name: string;
  readonly version: string;
}

const isOf = (vm: VmView, wanted: Version): boolean =>
  vm.functionName === wanted.name && vm.version === wanted.version;

/** The idle VM for a call: a running one before a paused one, then the one used last, so that the others age. */
export function chooseForCall(vms: readonly VmView[], wanted: Version): VmView | undefined {
  return best(
    vms.filter((vm) => vm.phase === "idle" && !vm.isSpokenFor && isOf(vm, wanted)),
    (vm) => [vm.isPaused ? 1 : 0, -(vm.idleSinceMs ?? 0)],
  );
}

/** A VM that already has, or is about to have, this version's code and that no call waits for. */
export function chooseOwned(vms: readonly VmView[], wanted: Version): VmView | undefined {
  return (
    chooseForCall(vms, wanted) ??
    best(
      vms.filter((vm) => vm.phase === "loading" && !vm.isSpokenFor && isOf(vm, wanted)),
      (vm) => [vm.createdAtMs],
    )
  );
}

/** A VM without an owner: one that waits in the pool, else the clone that will be ready first. */
export function chooseUnowned(vms: readonly VmView[], config: VmConfig): VmView | undefined {
  return best(
    vms.filter(
      (vm) =>
        (vm.phase === "warming" || vm.phase === "cloning") &&
        vm.functionName === undefined &&
        configKey(vm.config) === configKey(config),
    ),
    (vm) => [vm.phase === "warming" ? 0 : 1, vm.createdAtMs],
  );
}

/** The least by the ranks in turn. */
export function best<T>(items: readonly T[], ranks: (item: T) => readonly number[]): T | undefined {
  return [...items].sort((a, b) => compare(ranks(a), ranks(b)))[0];
}

export function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
