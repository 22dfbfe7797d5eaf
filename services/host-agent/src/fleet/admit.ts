/**
 * Whether one more VM fits on the host, and who has to go for it. Pure.
 *
 * An idle VM goes before the call is refused: the one whose next use is farthest first. Then VMs of the
 * other configs' pools, oldest first: they can be had again. What is busy, loading or spoken for stays.
 */
import { TidepoolError } from "@tidepool/common";
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import { vmMemoryMib } from "../hypervisor/memory.ts";
import { configKey, vcpuCountOf } from "../hypervisor/vm-config.ts";
import type { VmView } from "../vm/vm-view.ts";
import { compare } from "./choose.ts";

export interface HostLimits {
  readonly hostId: string;
  readonly memoryMib: number;
  readonly vmCountMax: number;
  /** Virtual CPUs that VMs may have together; absent: not limited. */
  readonly vcpuMax?: number;
  /** Whether VMs may have a network. */
  readonly offersInternet?: boolean;
}

export const memoryUsedMib = (vms: readonly VmView[]): number =>
  vms.reduce((sum, vm) => sum + vmMemoryMib(vm.config), 0);

export const vcpuUsedCount = (vms: readonly VmView[]): number =>
  vms.reduce((sum, vm) => sum + vcpuCountOf(vm.config), 0);

/** True when a VM of this config fits without anybody leaving. */
export function hasRoom(vms: readonly VmView[], config: VmConfig, limits: HostLimits): boolean {
  return (
    vms.length < limits.vmCountMax &&
    memoryUsedMib(vms) + vmMemoryMib(config) <= limits.memoryMib &&
    vcpuUsedCount(vms) + vcpuCountOf(config) <= (limits.vcpuMax ?? Number.POSITIVE_INFINITY)
  );
}

/** For whom a VM is to be made. */
export interface Asker {
  readonly functionName: string;
  readonly nowMs: number;
}

/** A VM that was called so lately is not taken for a function that has one already: it would be missed at once. */
export const calledLatelyMs = 2_000;

/**
 * The VMs to evict so that one of this config fits; none when it fits already. VMs that are stopping count
 * until they are gone, but as room that is coming.
 * @param asker undefined where no function asks
 * @throws TidepoolError `noCapacity` naming the host, what is free and what is needed
 */
export function chooseEvictions(
  vms: readonly VmView[],
  config: VmConfig,
  limits: HostLimits,
  asker?: Asker,
): readonly VmView[] {
  let staying = vms.filter((vm) => vm.phase !== "stopping");
  const evicted: VmView[] = [];
  const idle = idleByNextUse(staying).filter((vm) => !isNeeded(vm, staying, asker));
  for (const candidate of [...idle, ...otherPools(staying, config)]) {
    if (hasRoom(staying, config, limits)) break;
    staying = staying.filter((vm) => vm !== candidate);
    evicted.push(candidate);
  }
  if (hasRoom(staying, config, limits)) return evicted;
  throw noCapacity(vms, config, limits);
}

function isNeeded(vm: VmView, staying: readonly VmView[], asker: Asker | undefined): boolean {
  if (asker === undefined || vm.callCount === 0) return false;
  if (asker.nowMs - vm.usedAtMs >= calledLatelyMs) return false;
  return staying.some(({ functionName }) => functionName === asker.functionName);
}

function idleByNextUse(vms: readonly VmView[]): readonly VmView[] {
  return vms
    .filter((vm) => vm.phase === "idle" && !vm.isSpokenFor && !vm.isProvisioned)
    .sort((a, b) => compare([-a.nextUseAtMs], [-b.nextUseAtMs]));
}

function otherPools(vms: readonly VmView[], config: VmConfig): readonly VmView[] {
  return vms
    .filter((vm) => vm.phase === "warming" && configKey(vm.config) !== configKey(config))
    .sort((a, b) => a.createdAtMs - b.createdAtMs);
}

function noCapacity(vms: readonly VmView[], config: VmConfig, limits: HostLimits): TidepoolError {
  const freeMib = Math.max(0, limits.memoryMib - memoryUsedMib(vms));
  return new TidepoolError(
    "noCapacity",
    `host ${limits.hostId} has ${freeMib} MiB of ${limits.memoryMib} free and ` +
      `${vms.length} of at most ${limits.vmCountMax} VMs${cpusOf(vms, limits)}, a VM of ` +
      `${configKey(config)} needs ${vmMemoryMib(config)} MiB, and no idle VM can make room`,
    { reason: hasRoom([], config, limits) ? "hostsFull" : "neverFits" },
  );
}

const cpusOf = (vms: readonly VmView[], { vcpuMax }: HostLimits): string =>
  vcpuMax === undefined ? "" : ` with ${vcpuUsedCount(vms)} of at most ${vcpuMax} CPUs`;
