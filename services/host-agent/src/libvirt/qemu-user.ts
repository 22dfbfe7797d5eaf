/**
 * The user that libvirt runs QEMU as. A session daemon uses its own; the system's daemon another, who must
 * reach our sockets and the template's memory, and must own neither the template nor the image.
 */
import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TidepoolError } from "@tidepool/common";
import type { LibvirtAddress } from "./address.ts";
import { LibvirtClient } from "./libvirt-client.ts";

export interface QemuUser {
  readonly uid: number;
  readonly gid: number;
}

/** Out of libvirt's capabilities XML; undefined when QEMU runs as the daemon's own user. */
export function readQemuUser(capabilitiesXml: string): QemuUser | undefined {
  const dac = /<secmodel>\s*<model>dac<\/model>[\s\S]*?<\/secmodel>/.exec(capabilitiesXml)?.[0];
  const [, uid, gid] = /<baselabel[^>]*>\+(\d+):\+(\d+)<\/baselabel>/.exec(dac ?? "") ?? [];
  return uid === undefined || gid === undefined
    ? undefined
    : { uid: Number(uid), gid: Number(gid) };
}

/** Undefined when QEMU runs as the user that we are. */
export async function findQemuUser(address: LibvirtAddress): Promise<QemuUser | undefined> {
  const client = await LibvirtClient.open(address);
  try {
    const user = readQemuUser(await client.capabilities());
    return user?.uid === process.geteuid?.() ? undefined : user;
  } finally {
    await client.close();
  }
}

/**
 * Makes our directories such that another user's QEMU can pass through them.
 * @throws TidepoolError `invalid` when we may not, or a directory above is closed to it
 */
export async function admitQemuUser(user: QemuUser, directories: readonly string[]): Promise<void> {
  const own = process.geteuid?.();
  if (own !== 0)
    throw new TidepoolError(
      "invalid",
      `libvirt runs QEMU as user ${user.uid}, the host-agent runs as ${own}: it must be root for that, or use qemu:///session`,
    );
  for (const directory of directories) {
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o711);
    await checkReachable(directory, user);
  }
}

async function checkReachable(directory: string, user: QemuUser): Promise<void> {
  for (let path = resolve(directory); path !== "/"; path = dirname(path)) {
    const { mode, uid } = await stat(path);
    if ((mode & 0o001) === 0 && uid !== user.uid)
      throw new TidepoolError(
        "invalid",
        `libvirt runs QEMU as user ${user.uid}, who cannot reach ${directory}: ${path} has mode ${(mode & 0o777).toString(8)}; choose a directory that everybody can pass through, such as /var/lib/tidepool`,
      );
  }
}

/** What a template's memory file gets when QEMU's group must open it: see TemplateStore. */
export const sharedRamMode = 0o660;

/** After a template was frozen: its folder is ours again, its memory is ours and the group's. */
export async function takeBackRam(ramPath: string, user: QemuUser): Promise<void> {
  const own = process.geteuid?.() ?? 0;
  await chown(ramPath, own, user.gid);
  await chown(dirname(ramPath), own, user.gid);
  await chmod(dirname(ramPath), 0o711);
}

/** A new directory in which QEMU, and besides it only we, may make and find files. */
export async function makeQemuDirectory(path: string, user: QemuUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Lets QEMU connect to a socket of ours; who can reach its directory is decided there. */
export async function openSocketToQemu(path: string, user: QemuUser | undefined): Promise<void> {
  if (user !== undefined) await chmod(path, 0o666);
}
