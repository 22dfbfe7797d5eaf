/**
 * The user that libvirt runs QEMU as: a session daemon's own, or the one that the system's daemon has for it. Where
 * that is not ours, it must reach our sockets and the template's memory, and must own neither these nor the image,
 * nor be able to put anything else in their place.
 */
import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { findSocket } from "./address.ts";
import type { LibvirtAddress } from "./address.ts";
import { LibvirtClient } from "./libvirt-client.ts";

export interface QemuUser {
  readonly uid: number;
  readonly gid: number;
  /** Whether libvirt changes to it for each QEMU; otherwise libvirt is that user, and can be told of no other. */
  readonly isAssigned: boolean;
}

/** Out of libvirt's capabilities XML; undefined when QEMU runs as the daemon's own user. */
export function readQemuUser(capabilitiesXml: string): QemuUser | undefined {
  const dac = /<secmodel>\s*<model>dac<\/model>[\s\S]*?<\/secmodel>/.exec(capabilitiesXml)?.[0];
  const [, uid, gid] = /<baselabel[^>]*>\+(\d+):\+(\d+)<\/baselabel>/.exec(dac ?? "") ?? [];
  return uid === undefined || gid === undefined
    ? undefined
    : { uid: Number(uid), gid: Number(gid), isAssigned: true };
}

/** Undefined when QEMU runs as the user that we are. */
export async function findQemuUser(address: LibvirtAddress): Promise<QemuUser | undefined> {
  const client = await LibvirtClient.open(address);
  try {
    const user = readQemuUser(await client.capabilities()) ?? (await ownerOfSocket(address));
    return user.uid === process.geteuid?.() ? undefined : user;
  } finally {
    await client.close();
  }
}

async function ownerOfSocket(address: LibvirtAddress): Promise<QemuUser> {
  const { uid, gid } = await stat(findSocket(address));
  return { uid, gid, isAssigned: false };
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
    await checkReachable(directory, user, "QEMU");
  }
}

/** @throws TidepoolError `invalid`, naming the directory that is closed */
export async function checkReachable(
  directory: string,
  user: Pick<QemuUser, "uid">,
  what: "QEMU" | "libvirtd",
): Promise<void> {
  for (let path = resolve(directory); path !== "/"; path = dirname(path)) {
    const { mode, uid } = await stat(path);
    if ((mode & 0o001) === 0 && uid !== user.uid)
      throw new TidepoolError(
        "invalid",
        `${what} runs as user ${user.uid}, who cannot reach ${directory}: ${path} has mode ${(mode & 0o777).toString(8)}; choose a directory that everybody can pass through, such as /var/lib/tidepool`,
      );
  }
}

/**
 * A new directory in which QEMU, and besides it only we, may make and find files. What is ours in it QEMU can
 * neither take away nor replace.
 */
export async function makeQemuDirectory(path: string, user: QemuUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user === undefined) return;
  await chown(path, 0, user.gid);
  await chmod(path, 0o1770);
}

/** Lets QEMU connect to a socket of ours; who can reach its directory is decided there. */
export async function openSocketToQemu(path: string, user: QemuUser | undefined): Promise<void> {
  if (user !== undefined) await chmod(path, 0o666);
}
