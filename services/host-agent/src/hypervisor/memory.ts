/** What a VM takes of its host: the function's memory, and what kernel, init and runtime need beside it. */
import type { VmConfig } from "./hypervisor.ts";

export const vmOverheadMib = 128;

export function vmMemoryMib({ memoryMib }: VmConfig): number {
  return memoryMib + vmOverheadMib;
}
