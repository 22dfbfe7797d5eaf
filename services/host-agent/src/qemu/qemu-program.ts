/** Which QEMU this host has: templates are tied to its exact version. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { TidepoolError, messageOf } from "@tidepool/common";

export const qemuProgram = "qemu-system-x86_64";
const versionMaxMs = 10_000;

/** The first line of `--version`, which names Debian's build too. */
export async function qemuVersion(program = qemuProgram): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: versionMaxMs });
    return stdout.split("\n")[0] ?? "";
  } catch (thrown) {
    throw new TidepoolError("unavailable", `cannot run ${program}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** The kernel's own measure, which it prints as bogomips: two for each cycle, in millions. */
export async function hostTscKhz(): Promise<number> {
  const match = /^bogomips\s*:\s*([0-9.]+)/m.exec(await readFile("/proc/cpuinfo", "utf8"));
  if (match?.[1] === undefined) {
    throw new TidepoolError("unavailable", "/proc/cpuinfo has no bogomips");
  }
  return Math.round(Number(match[1]) * 500);
}

/** Under KVM a guest sees the host's CPU, so its state is tied to that model. */
export async function hostCpuModel(): Promise<string> {
  const match = /^model name\s*:\s*(.*)$/m.exec(await readFile("/proc/cpuinfo", "utf8"));
  return match?.[1] ?? "unknown";
}
