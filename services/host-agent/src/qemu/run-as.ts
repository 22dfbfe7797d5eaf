/**
 * The ordinary user that QEMU runs as when the host-agent is root. QEMU never has root's rights: it is started
 * as that user. What it works with is opened for it and inherited, so that it needs to reach no folder of ours but
 * the one for its sockets.
 */
import { execFile } from "node:child_process";
import { chmod, chown, stat } from "node:fs/promises";
import { promisify } from "node:util";
import { TidepoolError, isMachineRoot, messageOf, systemClock } from "@tidepool/common";
import type { GuestFiles } from "./qemu-process.ts";

export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  /** The group that may open /dev/kvm, where there is one. */
  readonly kvmGid?: number;
}

/** Made as a system user when it is missing; another has to exist. */
export const qemuUserDefault = "tidepool-vm";

const run = promisify(execFile);
/** Several host-agents that start at once wait for one another. */
const makeUserAttempts = 20;
const makeUserPauseMs = 100;

/**
 * @param user a name, or "UID:GID" for a user that has none
 * @param mayMake whether the default one is made when it is missing
 * @returns undefined where QEMU runs as the user that we are: an ordinary one, or the root of a user namespace
 * that has no other user
 * @throws TidepoolError `invalid` when there is no such user, or it is root
 */
export async function findRunAs(user: string, mayMake = true): Promise<RunAs | undefined> {
  if (!isMachineRoot()) return undefined;
  const found = readNumbers(user) ?? (await lookUp(user)) ?? (await makeUser(user, mayMake));
  if (found.uid === 0)
    throw new TidepoolError("invalid", `TIDEPOOL_QEMU_USER must be an ordinary user, got ${user}`);
  return withGroupOfKvm(found);
}

export async function withGroupOfKvm({ uid, gid }: RunAs): Promise<RunAs> {
  const kvmGid = await groupOfKvm();
  return kvmGid === undefined ? { uid, gid } : { uid, gid, kvmGid };
}

/** For setpriv, of util-linux: what drops every right. The root of a user namespace has such too. */
export function rightsOf(runAs: RunAs | undefined): string[] {
  if (runAs === undefined && process.geteuid?.() !== 0) return [];
  return [...idsOf(runAs), "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"];
}

function idsOf(runAs: RunAs | undefined): string[] {
  if (runAs === undefined) return [];
  const { uid, gid, kvmGid } = runAs;
  const groups = kvmGid === undefined ? "--clear-groups" : `--groups=${String(kvmGid)}`;
  return [`--reuid=${String(uid)}`, `--regid=${String(gid)}`, groups];
}

/**
 * A guest's memory, which QEMU opens for writing even where it maps it copy-on-write; that nobody wrote to
 * a template's is confirmed before each clone.
 */
export const ramModeOf = (runAs: RunAs | undefined): number =>
  runAs === undefined ? 0o600 : 0o660;

export async function admitToRam(path: string, runAs: RunAs | undefined): Promise<void> {
  if (runAs === undefined) return;
  await chown(path, 0, runAs.gid);
  await chmod(path, ramModeOf(runAs));
}

/** It holds nothing that is secret, and QEMU opens what it has inherited once more. */
export async function admitToImage(image: GuestFiles["image"], runAs?: RunAs): Promise<void> {
  if (runAs === undefined) return;
  for (const path of [image.kernelPath, image.initrdPath, image.rootfsPath]) {
    if (((await stat(path)).mode & 0o004) === 0) await chmod(path, 0o644);
  }
}

function readNumbers(user: string): RunAs | undefined {
  const [, uid, gid] = /^(\d{1,10}):(\d{1,10})$/.exec(user) ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

async function lookUp(user: string): Promise<RunAs | undefined> {
  const entry = await run("getent", ["passwd", "--", user]).catch(() => undefined);
  const [, , uid, gid] = entry?.stdout.trim().split(":") ?? [];
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

async function makeUser(user: string, mayMake: boolean): Promise<RunAs> {
  if (user !== qemuUserDefault || !mayMake)
    throw new TidepoolError("invalid", `TIDEPOOL_QEMU_USER: there is no user '${user}'`);
  const nobodyLogsIn = ["--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin"];
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run("useradd", ["--system", "--user-group", ...nobodyLogsIn, user]);
    } catch (cause) {
      const other = await lookUp(user);
      if (other !== undefined) return other;
      if (attempt < makeUserAttempts) {
        await systemClock.sleep(makeUserPauseMs);
        continue;
      }
      throw new TidepoolError(
        "unavailable",
        `QEMU must not run as root, and its user ${user} cannot be made: ${messageOf(cause).trim()}; make it, or set TIDEPOOL_QEMU_USER`,
        { cause },
      );
    }
    const made = await lookUp(user);
    if (made !== undefined) return made;
  }
}

async function groupOfKvm(): Promise<number | undefined> {
  const device = await stat("/dev/kvm").catch(() => undefined);
  const isForGroup = device !== undefined && device.gid !== 0 && (device.mode & 0o060) === 0o060;
  return isForGroup ? device.gid : undefined;
}
