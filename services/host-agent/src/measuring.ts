/** The parts of the VM path by themselves, for bench/: what a figure is made of has to be measured alone. */
export { FrameChannel } from "./guest/frame-channel.ts";
export { openGuestSession } from "./guest/open-session.ts";
export type { FunctionLoad, GuestSession } from "./guest/session.ts";
export type { Template } from "./hypervisor/hypervisor.ts";
export { chooseAccelerator } from "./qemu/accelerator.ts";
export { machineArguments, memoryArguments, memoryUses } from "./qemu/machine.ts";
export type { Machine } from "./qemu/machine.ts";
export { QemuHypervisor } from "./qemu/qemu-hypervisor.ts";
export { QemuProcess } from "./qemu/qemu-process.ts";
export { hostTscKhz, qemuProgram, qemuVersion } from "./qemu/qemu-program.ts";
