/** A private libvirtd as `up` starts it, and a cache that the QEMUs which it runs can reach. */
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ensureGuestImage } from "@tidepool/guest";
import { PrivateLibvirtd } from "../libvirt/private-libvirtd.ts";
import type { PrivateLibvirtdOptions } from "../libvirt/private-libvirtd.ts";
import { findRunAs, qemuUserDefault } from "../qemu/run-as.ts";

export async function startLibvirtd(
  options: Omit<PrivateLibvirtdOptions, "runAs"> = {},
): Promise<PrivateLibvirtd> {
  return PrivateLibvirtd.start({ ...options, runAs: await findRunAs(qemuUserDefault) });
}

/** The usual one may be closed to QEMU's user: the image is copied out of there. */
export async function makeReachableCache(): Promise<string> {
  const cacheDir = await mkdtemp(join(tmpdir(), "tidepool-cache-"));
  await chmod(cacheDir, 0o711);
  const { kernelPath } = await ensureGuestImage({});
  const images = join(cacheDir, "images");
  await mkdir(images);
  await promisify(execFile)("cp", ["-a", "--reflink=auto", dirname(kernelPath), images]);
  return cacheDir;
}
