/** What a host says of itself, from the views of its VMs. Pure. */
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { memoryUsedMib, vcpuUsedCount } from "../fleet/admit.ts";
import type { HostLimits } from "../fleet/admit.ts";
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import { vmOverheadMib } from "../hypervisor/memory.ts";
import { configKey, poolRuntimeOf, vcpuCountOf } from "../hypervisor/vm-config.ts";
import type { VmView } from "../vm/vm-view.ts";

type Wire = tidepool.internal.v1.HostHeartbeat.$Properties;

export interface PoolReport {
  readonly config: VmConfig;
  readonly target: number;
  readonly prepareP95Ms: number;
  readonly cloneMs: number;
  readonly problem: string | undefined;
  readonly hasTemplate: boolean;
}

export interface HostReport {
  readonly limits: HostLimits;
  readonly address: string;
  readonly hypervisor: string;
  readonly accelerator: string;
  readonly isDraining: boolean;
  readonly isDrained: boolean;
  /** Of code on its disk, 64 hex digits each. */
  readonly codeDigests: readonly string[];
  readonly pools: readonly PoolReport[];
  readonly vms: readonly VmView[];
  readonly nowMs: number;
}

/** Of a digest, in hex: enough to tell code apart. */
const codeKeyDigits = 16;

export function heartbeatOf({ limits, pools, vms, nowMs, ...host }: HostReport): Wire {
  const held = vms.filter(({ isWaitingForRoom }) => !isWaitingForRoom);
  return {
    hostId: limits.hostId,
    at: toTimestamp(nowMs),
    address: host.address,
    hypervisor: host.hypervisor,
    accelerator: host.accelerator,
    memoryMib: limits.memoryMib,
    memoryUsedMib: memoryUsedMib(held),
    vcpuCount: limits.vcpuMax ?? 0,
    vcpuUsed: vcpuUsedCount(held),
    vmOverheadMib,
    code: Buffer.from(
      host.codeDigests.map((digest) => digest.slice(0, codeKeyDigits)).join(""),
      "hex",
    ),
    vmCount: held.length,
    vmCountMax: limits.vmCountMax,
    isDraining: host.isDraining,
    isDrained: host.isDrained,
    offersInternet: limits.offersInternet ?? false,
    pools: pools.map((pool) => poolOf(pool, vms)),
    functions: functionsOf(vms),
  };
}

function poolOf(
  pool: PoolReport,
  vms: readonly VmView[],
): tidepool.internal.v1.HostPool.$Properties {
  const { config } = pool;
  const ours = vms.filter((vm) => configKey(vm.config) === configKey(config));
  const count = (phase: VmView["phase"]): number => ours.filter((vm) => vm.phase === phase).length;
  return {
    runtime: poolRuntimeOf(config),
    memoryMib: config.memoryMib,
    vcpuCount: vcpuCountOf(config),
    target: pool.target,
    ready: count("warming"),
    cloning: count("cloning"),
    loading: count("loading"),
    idle: count("idle"),
    busy: count("busy"),
    provisioned: ours.filter((vm) => vm.phase === "idle" && vm.isProvisioned).length,
    prepareP95Ms: pool.prepareP95Ms,
    cloneMs: pool.cloneMs,
    problem: pool.problem ?? "",
    hasTemplate: pool.hasTemplate,
  };
}

interface FunctionCounts {
  readonly name: string;
  readonly version: string;
  idle: number;
  busy: number;
  loading: number;
}

/** Every function version that has a VM here, one being cloned for it included as loading. */
function functionsOf(vms: readonly VmView[]): FunctionCounts[] {
  const counts = new Map<string, FunctionCounts>();
  for (const vm of vms) {
    if (vm.functionName === undefined || vm.version === undefined) continue;
    if (vm.phase === "stopping" || vm.phase === "gone") continue;
    const key = `${vm.functionName}@${vm.version}`;
    const entry = counts.get(key) ?? {
      name: vm.functionName,
      version: vm.version,
      idle: 0,
      busy: 0,
      loading: 0,
    };
    counts.set(key, entry);
    if (vm.phase === "idle") entry.idle += 1;
    else if (vm.phase === "busy") entry.busy += 1;
    else entry.loading += 1;
  }
  return [...counts.values()];
}
