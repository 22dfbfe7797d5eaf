/** The config of a function's VMs, and its name. */
import type { VmConfig } from "./hypervisor.ts";

/** Without anything else that the given has: pools are told apart by it. */
export function vmConfigOf(given: {
  readonly runtime: string;
  readonly memoryMib: number;
  readonly vcpuCount?: number | null | undefined;
}): VmConfig {
  const { runtime, memoryMib, vcpuCount } = given;
  return vcpuCount && vcpuCount > 1 ? { runtime, memoryMib, vcpuCount } : { runtime, memoryMib };
}

export const vcpuCountOf = ({ vcpuCount = 1 }: VmConfig): number => vcpuCount;

/** "nodejs20/128", and with more than one CPU "nodejs20/128/2": the pool that a VM belongs to. */
export const configKey = (config: VmConfig): string =>
  `${config.runtime}/${config.memoryMib}${vcpuCountOf(config) === 1 ? "" : `/${vcpuCountOf(config)}`}`;

/** For people: "nodejs20 with 128 MiB and 2 CPUs". */
export const describeConfig = (config: VmConfig): string =>
  `${config.runtime} with ${config.memoryMib} MiB${vcpuCountOf(config) === 1 ? "" : ` and ${vcpuCountOf(config)} CPUs`}`;
