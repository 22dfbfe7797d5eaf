/**
 * What `doctor` can say of a libvirt daemon: whether it answers, which versions, which user QEMU runs as, and
 * whether it probes QEMU anew on every call. It does so when libvirtd itself can open /dev/kvm and QEMU's user
 * cannot: libvirt then believes that its knowledge of QEMU is out of date, and each call takes 20 to 90 s.
 */
import { stat } from "node:fs/promises";
import { messageOf } from "@tidepool/common";
import type { LibvirtAddress } from "./address.ts";
import { LibvirtClient, formatVersion } from "./libvirt-client.ts";
import { readQemuUser, type QemuUser } from "./qemu-user.ts";

/** A look at known capabilities takes 2 ms, a probe seconds. */
export const knownCapabilitiesMaxMs = 2_000;

export interface LibvirtCheck {
  /** Absent when no daemon answers. */
  readonly daemon?: {
    readonly socketPath: string;
    readonly libvirtVersion: string;
    readonly qemuVersion: string;
    /** Absent when QEMU runs as the daemon's own user. */
    readonly qemuUser?: QemuUser;
  };
  /** For people, each with what to do; empty when all is well. */
  readonly problems: readonly string[];
}

/** Never rejects. Takes as long as libvirtd needs to probe QEMU, once or twice. */
export async function checkLibvirt(address: LibvirtAddress): Promise<LibvirtCheck> {
  let client: LibvirtClient;
  try {
    client = await LibvirtClient.open(address);
  } catch (error) {
    return { problems: [messageOf(error)] };
  }
  try {
    return await inspect(client);
  } catch (error) {
    return { problems: [messageOf(error)] };
  } finally {
    await client.close();
  }
}

async function inspect(client: LibvirtClient): Promise<LibvirtCheck> {
  const qemuUser = readQemuUser(await client.capabilities());
  const daemon = {
    socketPath: client.socketPath,
    libvirtVersion: formatVersion(await client.libraryVersion()),
    qemuVersion: formatVersion(await client.hypervisorVersion()),
    ...(qemuUser === undefined ? {} : { qemuUser }),
  };
  await client.domainCapabilities("microvm");
  const startedAtMs = performance.now();
  await client.domainCapabilities("microvm");
  const tookMs = Math.round(performance.now() - startedAtMs);
  if (tookMs <= knownCapabilitiesMaxMs) return { daemon, problems: [] };
  return { daemon, problems: [await explainProbing(tookMs, qemuUser)] };
}

async function explainProbing(tookMs: number, qemuUser: QemuUser | undefined): Promise<string> {
  const kvm = await stat("/dev/kvm").catch(() => undefined);
  const device =
    kvm === undefined
      ? "there is no /dev/kvm"
      : `/dev/kvm belongs to ${kvm.uid}:${kvm.gid} with mode ${(kvm.mode & 0o777).toString(8)}`;
  const user = qemuUser === undefined ? "the daemon's user" : `${qemuUser.uid}:${qemuUser.gid}`;
  return (
    `libvirtd probes QEMU on every call (${tookMs} ms, at most ${knownCapabilitiesMaxMs} is normal): ` +
    `${device} and QEMU runs as ${user}; ` +
    "let that user open /dev/kvm (group kvm, mode 660), or libvirtd not"
  );
}
