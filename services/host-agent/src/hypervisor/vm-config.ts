/** The config of a function's VMs, and its names. */
import type { VmConfig } from "./hypervisor.ts";

/** Behind the runtime's name in that of a pool whose VMs have a network. */
const internetMark = "+internet";

/**
 * Without anything else that the given has: pools are told apart by it.
 * @param given `runtime` as a pool is called, or a runtime's name beside a network
 */
export function vmConfigOf(given: {
  readonly runtime: string;
  readonly memoryMib: number;
  readonly vcpuCount?: number | null | undefined;
  readonly network?: "internet" | undefined;
}): VmConfig {
  const { memoryMib, vcpuCount } = given;
  const isMarked = given.runtime.endsWith(internetMark);
  const runtime = isMarked ? given.runtime.slice(0, -internetMark.length) : given.runtime;
  return {
    runtime,
    memoryMib,
    ...(vcpuCount && vcpuCount > 1 ? { vcpuCount } : {}),
    ...(isMarked || given.network === "internet" ? { network: "internet" } : {}),
  };
}

export const vcpuCountOf = ({ vcpuCount = 1 }: VmConfig): number => vcpuCount;

/** "nodejs20", or "nodejs20+internet": as pools of this runtime are called on the wire. */
export const poolRuntimeOf = ({ runtime, network }: VmConfig): string =>
  network === undefined ? runtime : `${runtime}${internetMark}`;

/** "nodejs20/128", and with more than one CPU "nodejs20/128/2": the pool that a VM belongs to. */
export const configKey = (config: VmConfig): string =>
  `${poolRuntimeOf(config)}/${config.memoryMib}${vcpuCountOf(config) === 1 ? "" : `/${vcpuCountOf(config)}`}`;

/** For people: "nodejs20 with 128 MiB and 2 CPUs". */
export const describeConfig = (config: VmConfig): string =>
  `${config.runtime} with ${config.memoryMib} MiB${vcpuCountOf(config) === 1 ? "" : ` and ${vcpuCountOf(config)} CPUs`}${config.network === undefined ? "" : " and a network"}`;
