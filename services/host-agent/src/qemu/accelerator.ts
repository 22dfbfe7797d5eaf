/**
 * KVM or TCG? A /dev/kvm that opens proves little: there are hosts where KVM creates a VM and runs a small
 * ROM, and no Linux guest ever boots. So the real kernel and image are booted under KVM, and only the right
 * answer within the deadline counts. The verdict is kept until the host, the kernel or QEMU changes.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureFolder, messageOf } from "@tidepool/common";
import type { GuestImage } from "@tidepool/guest";
import { inTime } from "../within.ts";
import { waitForBoot } from "./boot.ts";
import { machineArguments, memoryArguments, memoryUses } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { QemuProcess } from "./qemu-process.ts";
import { admitToImage, admitToRam } from "./run-as.ts";
import type { RunAs } from "./run-as.ts";
import { hostTscKhz, qemuProgram, qemuVersion } from "./qemu-program.ts";

/** Under a KVM that works, the guest answers in less than a second. */
export const kvmProbeMaxMs = 3_000;

const probeTemplateId = "kvm-probe";
const probeConfig = { runtime: "probe", memoryMib: 128 };

export interface AcceleratorChoice {
  readonly accelerator: "kvm" | "tcg";
  /** For people, in `doctor` and beside every figure of speed. */
  readonly reason: string;
}

export interface ChooseAcceleratorOptions {
  /** Verdicts are kept in probes/ below it. */
  readonly cacheDir: string;
  readonly devicePath?: string;
  /** Who QEMU runs as; absent: who we are. */
  readonly runAs?: RunAs | undefined;
}

export async function chooseAccelerator(
  image: GuestImage,
  options: ChooseAcceleratorOptions,
): Promise<AcceleratorChoice> {
  const device = options.devicePath ?? "/dev/kvm";
  try {
    await access(device, constants.R_OK | constants.W_OK);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    const why = code === "ENOENT" ? "does not exist" : "cannot be opened by this user";
    return { accelerator: "tcg", reason: `${device} ${why}` };
  }
  const folder = join(options.cacheDir, "probes");
  const path = join(folder, `${await probeKey(image, options.runAs)}.json`);
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as AcceleratorChoice;

  await ensureFolder(folder);
  const choice = await probe(image, folder, options.runAs);
  const fresh = `${path}.${String(process.pid)}`;
  await writeFile(fresh, JSON.stringify(choice));
  await rename(fresh, path);
  return choice;
}

async function probe(
  image: GuestImage,
  folder: string,
  runAs: RunAs | undefined,
): Promise<AcceleratorChoice> {
  const machine: Machine = {
    accelerator: "kvm",
    image,
    config: probeConfig,
    tscKhz: await hostTscKhz(),
  };
  const ram = await mkdtemp(join(folder, "ram-"));
  const ramPath = join(ram, "ram");
  await writeFile(ramPath, "", { mode: 0o600 });
  await admitToImage(image, runAs);
  await admitToRam(ramPath, runAs);
  const words = [
    ...machineArguments(machine, probeTemplateId),
    ...memoryArguments(probeConfig, memoryUses.boot),
  ];
  const guest = new QemuProcess(qemuProgram, words, { files: { image, ramPath }, runAs });
  const startedAtMs = Date.now();
  try {
    const boot = waitForBoot(guest.control, guest.runtime, probeTemplateId);
    await inTime(guest.orExit(boot), { maxMs: kvmProbeMaxMs, what: "booting the guest under KVM" });
    const tookMs = String(Date.now() - startedAtMs);
    return { accelerator: "kvm", reason: `the guest booted under KVM in ${tookMs} ms` };
  } catch (thrown) {
    return { accelerator: "tcg", reason: `KVM does not boot the guest: ${messageOf(thrown)}` };
  } finally {
    await guest.kill();
    await rm(ram, { recursive: true, force: true });
  }
}

/** The boot id stands for the host: its kernel, its CPU, and whatever virtualises it. */
async function probeKey(image: GuestImage, runAs: RunAs | undefined): Promise<string> {
  const bootId = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
  const parts = [bootId, await readFile("/proc/version", "utf8"), image.hash, await qemuVersion()];
  if (runAs !== undefined) parts.push(JSON.stringify(runAs));
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}
