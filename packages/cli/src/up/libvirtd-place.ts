/**
 * Where the libvirtd that `up` starts for itself has its files: a short path, since sockets are in it, and the same for
 * each run, so that the next finds what a killed one left. Root's runs as another user, to whom root's own folders are
 * closed: its files, the guest image and the templates are where that user can reach them.
 */
import { createHash } from "node:crypto";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ensureFolder, isMachineRoot } from "@tidepool/common";
import type { HypervisorName } from "./system.ts";

/** Of the user that VMs run as. */
export const vmUserFolder = "/var/lib/tidepool-vm";

export interface LibvirtdPlace {
  readonly directory: string;
  /** Absent: the usual one. */
  readonly cacheDir?: string;
}

/** Undefined where none is started: a daemon that the environment names is used. */
export function libvirtdPlace(
  hypervisor: HypervisorName,
  dataPath: string,
  env: NodeJS.ProcessEnv,
  isRoot = isMachineRoot(),
): LibvirtdPlace | undefined {
  const isNamed = "TIDEPOOL_LIBVIRT_URI" in env || "TIDEPOOL_LIBVIRT_SOCKET" in env;
  if (hypervisor !== "libvirt" || isNamed) return undefined;
  const hash = createHash("sha256").update(dataPath).digest("hex").slice(0, 8);
  if (isRoot) {
    const cacheDir = env["TIDEPOOL_CACHE_DIR"] ?? join(vmUserFolder, "cache");
    return { directory: join(vmUserFolder, hash), cacheDir };
  }
  return { directory: join(tmpdir(), `tidepool-${process.geteuid?.() ?? 0}-${hash}`) };
}

/** To be called before anything is put there: whoever makes it first decides who may pass. */
export async function openVmUserFolder({ directory }: LibvirtdPlace): Promise<void> {
  if (dirname(directory) !== vmUserFolder) return;
  await ensureFolder(vmUserFolder, 0o711);
  await chmod(vmUserFolder, 0o711);
}

export function libvirtUri(libvirtdDirectory: string): string {
  return `qemu:///session?socket=${join(libvirtdDirectory, "run", "libvirt", "libvirt-sock")}`;
}
