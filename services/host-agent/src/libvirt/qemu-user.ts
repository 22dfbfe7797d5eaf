/**
 * The user that libvirt runs QEMU as. A session daemon uses its own; the system's daemon another, who must
 * reach our sockets and the template's memory, and must own neither the template nor the image.
 */
import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TidepoolError } from "@tidepool/common";

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

/**
 * Answers the user if it is another than ours.
 * @throws TidepoolError `invalid` when we could not give it what it needs, or it cannot reach our directories
 */
export async function admitQemuUser(
  user: QemuUser | undefined,
  directories: { readonly cacheDir: string; readonly stateDir: string },
): Promise<QemuUser | undefined> {
  const own = process.geteuid?.();
  if (user === undefined || own === user.uid) return undefined;
  if (own !== 0)
    throw new TidepoolError(
      "invalid",
      `libvirt runs QEMU as user ${user.uid}, the host-agent runs as ${own}: it must be root for that, or use qemu:///session`,
    );
  for (const directory of [directories.cacheDir, directories.stateDir]) {
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await checkReachable(directory, user);
  }
  return user;
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

/** A new directory in which QEMU, and besides it only we, may make and find files. */
export async function makeQemuDirectory(path: string, user: QemuUser | undefined): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (user !== undefined) await chown(path, user.uid, user.gid);
}

/** Lets QEMU connect to a socket of ours; who can reach its directory is decided there. */
export async function openSocketToQemu(path: string, user: QemuUser | undefined): Promise<void> {
  if (user !== undefined) await chmod(path, 0o666);
}
