/**
 * The template under libvirt: the same machine as the clones, booted as a domain of its own, so that libvirt
 * lays out its devices as it will lay out theirs. A template of the qemu driver would not do.
 */
import { createHash, randomUUID } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bootMaxMs, waitForBoot } from "../qemu/boot.ts";
import { vmMemoryMib } from "../hypervisor/memory.ts";
import { vcpuCountOf } from "../hypervisor/vm-config.ts";
import {
  kernelCommandLine,
  memoryUses,
  translationCacheMib,
  type Machine,
} from "../qemu/machine.ts";
import { hostCpuModel } from "../qemu/qemu-program.ts";
import { admitToRam } from "../qemu/run-as.ts";
import type { TemplateFiles } from "../qemu/template-store.ts";
import { removeTree } from "../remove-tree.ts";
import { inTime } from "../within.ts";
import { ChannelListeners } from "./channel-listeners.ts";
import { domainXml, type DomainSpec } from "./domain-xml.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { makeQemuDirectory, type QemuUser } from "./qemu-user.ts";
import type { RemoteDomain } from "./remote-domain.ts";
import { saveState } from "./saved-state.ts";

/** To be raised when what is frozen changes in a way that the domain XML does not show. */
const templateFormatVersion = 1;

/** What is the same in a template and all its clones. */
export type MachineSpec = Omit<
  DomainSpec,
  "name" | "uuid" | "directory" | "owner" | "ramPath" | "memoryUse" | "qemuUser"
>;

export function machineSpec(machine: Machine, templateId: string): MachineSpec {
  const { accelerator, image, config } = machine;
  return {
    accelerator,
    ramMib: vmMemoryMib(config),
    vcpuCount: vcpuCountOf(config),
    translationCacheMib,
    kernelPath: image.kernelPath,
    initrdPath: image.initrdPath,
    kernelCommandLine: kernelCommandLine(machine, templateId),
    rootfsPath: image.rootfsPath,
  };
}

/** Whatever the frozen state depends on is in the XML, the image's hash or a version. */
export async function libvirtTemplateId(
  machine: Machine,
  client: LibvirtClient,
  qemuUser: QemuUser | undefined,
): Promise<string> {
  const unnamed = { name: "", uuid: "", directory: "", owner: "", ramPath: "" };
  const spec = { ...machineSpec(machine, ""), ...unnamed, memoryUse: memoryUses.boot };
  const parts = [
    `libvirt ${templateFormatVersion}`,
    String(await client.libraryVersion()),
    String(await client.hypervisorVersion()),
    machine.accelerator === "kvm" ? await hostCpuModel() : "",
    machine.image.hash,
    machine.config.runtime,
    domainXml({ ...spec, qemuUser: undefined }),
    // Whose group may open the memory.
    ...(qemuUser === undefined ? [] : [String(qemuUser.gid)]),
  ];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}

export interface FreezeOptions {
  readonly machine: Machine;
  readonly templateId: string;
  readonly name: string;
  readonly directory: string;
  readonly owner: string;
  readonly qemuUser: QemuUser | undefined;
  readonly client: LibvirtClient;
  /** Resolves when libvirt has no domain of this name. */
  readonly destroyByName: (name: string) => Promise<void>;
}

/** Boots the guest, waits for its runtime and fills the template's two files. */
export async function freezeTemplate(options: FreezeOptions, files: TemplateFiles): Promise<void> {
  const { client, directory, machine, name, qemuUser, templateId, destroyByName } = options;
  await destroyByName(name);
  await removeTree(directory);
  await makeQemuDirectory(directory, qemuUser);
  await writeFile(files.ramPath, "", { flag: "wx", mode: 0o600 });
  await admitToTemplate(files.ramPath, qemuUser);
  const listeners = await ChannelListeners.listen(directory, qemuUser);
  try {
    const xml = domainXml({
      ...machineSpec(machine, templateId),
      name,
      uuid: randomUUID(),
      directory,
      owner: options.owner,
      ramPath: files.ramPath,
      memoryUse: memoryUses.boot,
      qemuUser,
    });
    const domain = await client.createDomain(name, xml, 0);
    const { control, runtime, console } = await listeners.accept();
    console.resume();
    const boot = waitForBoot(control, runtime, templateId);
    await inTime(boot, { maxMs: bootMaxMs, what: "booting the guest" });
    await saveDomain(client, domain, { directory, statePath: files.statePath, qemuUser });
  } finally {
    listeners.close();
    try {
      await destroyByName(name);
    } finally {
      await removeTree(directory);
    }
  }
}

/** Its folder and that of all may be passed through; what is in there, the memory apart, stays closed. */
export async function admitToTemplate(ramPath: string, qemuUser?: QemuUser): Promise<void> {
  if (qemuUser === undefined) return;
  const folder = dirname(ramPath);
  for (const each of [folder, dirname(folder)]) await chmod(each, 0o711);
  await admitToRam(ramPath, qemuUser);
}

/** Pauses it and writes its state; it is of no more use then than to be destroyed. */
export async function saveDomain(
  client: LibvirtClient,
  domain: RemoteDomain,
  options: {
    readonly directory: string;
    readonly statePath: string;
    readonly qemuUser: QemuUser | undefined;
  },
): Promise<void> {
  const { directory, statePath, qemuUser } = options;
  await client.suspend(domain);
  const signal = AbortSignal.timeout(bootMaxMs);
  const socketPath = join(directory, "saved");
  await writeFile(statePath, await saveState(client, domain, { socketPath, qemuUser, signal }));
}
