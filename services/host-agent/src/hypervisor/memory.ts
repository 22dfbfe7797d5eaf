/** What a VM takes of its host: the function's memory, its runtime's among it, and what kernel and init need. */
import type { VmConfig } from "./hypervisor.ts";

export const vmOverheadMib = 96;

export function vmMemoryMib({ memoryMib }: VmConfig): number {
  return memoryMib + vmOverheadMib;
}
