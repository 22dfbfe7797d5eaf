/**
 * The `qemu` driver: microVMs as QEMU processes, spoken to by QMP.
 *
 *   ensureTemplate   boot ─▶ runtime answers ─▶ stop ─▶ memory stays in a file, the rest goes to another
 *   clone            QEMU maps that memory copy-on-write ─▶ takes the rest in ─▶ goes on where it stopped
 *
 * A clone costs a process start and 60 KB of state; guest memory is shared with all its siblings until
 * written.
 */
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { ensureFolder, TidepoolError } from "@tidepool/common";
import type { GuestNetwork } from "../guest-network/guest-network.ts";
import type {
  Accelerator,
  Domain,
  EnsureTemplateOptions,
  FunctionTemplates,
  Hypervisor,
  Template,
  VmConfig,
  WaitOptions,
} from "../hypervisor/hypervisor.ts";
import { inTime } from "../within.ts";
import type { Making } from "./after-init-templates.ts";
import { bootMaxMs, waitForBoot } from "./boot.ts";
import { noNetwork } from "./boot-templates.ts";
import type { ImageOf } from "./boot-templates.ts";
import {
  findDomains,
  killDomain,
  makeSocketsFolder,
  markArguments,
  rejoinArguments,
  socketsFolder,
} from "./domains-on-host.ts";
import { DriverTemplates } from "./driver-templates.ts";
import { Keeper } from "./keeper.ts";
import { machineArguments, memoryArguments, memoryUses } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { takeIn, writeOut, writeOutAgain } from "./migration.ts";
import { QemuDomain } from "./qemu-domain.ts";
import { QemuProcess } from "./qemu-process.ts";
import type { GuestFiles } from "./qemu-process.ts";
import { hostCpuModel, qemuProgram, qemuVersion } from "./qemu-program.ts";
import { rejoin } from "./rejoin.ts";
import { admitToImage, admitToRam, ramModeOf } from "./run-as.ts";
import type { RunAs } from "./run-as.ts";
import { receiveState } from "./state-receiver.ts";
import type { TemplateFiles } from "./template-store.ts";

/** To be raised when what is frozen changes in a way that the command line does not show. */
const templateFormatVersion = 3;

export const cloneMaxMs = 10_000;

export interface QemuHypervisorOptions {
  readonly accelerator: "kvm" | "tcg";
  /** Gives the image of a runtime; @tidepool/guest's ensureGuestImage. */
  readonly image: ImageOf;
  /** Templates are kept in templates/ below it. */
  readonly cacheDir: string;
  /** This host-agent's own: its domains are known by it, also after a restart. */
  readonly stateDir: string;
  /** Who QEMU runs as; see findRunAs. Absent: who we are. */
  readonly runAs?: RunAs | undefined;
  /** Where guests with a network are. Absent: there are none. */
  readonly guestNetwork?: GuestNetwork | undefined;
}

export class QemuHypervisor implements Hypervisor {
  readonly name = "qemu";
  readonly accelerator: Accelerator;
  readonly #options: QemuHypervisorOptions;
  readonly #templates: DriverTemplates;
  readonly #domains = new Map<string, Domain>();
  #keeper: Keeper | undefined;
  readonly #boots = new Set<QemuProcess>();
  readonly functionTemplates: FunctionTemplates;
  readonly offersInternet: boolean;

  constructor(options: QemuHypervisorOptions) {
    this.accelerator = options.accelerator;
    this.#options = options;
    const { runAs, guestNetwork } = options;
    this.offersInternet = guestNetwork !== undefined;
    this.#templates = new DriverTemplates({
      ...options,
      storeOptions: { ramMode: ramModeOf(runAs), ramGid: runAs?.gid },
      ...(guestNetwork && { resolvers: () => guestNetwork.resolvers }),
      idOf: (machine) => templateId(machine, runAs),
      freeze: (template, machine, files) => this.#freeze(template, machine, files),
      freezeAfterInit: (making) => this.#freezeAfterInit(making),
    });
    this.functionTemplates = this.#templates.ofFunctions;
  }

  ensureTemplate(config: VmConfig, options?: EnsureTemplateOptions): Promise<Template> {
    return this.#templates.ensure(config, options);
  }

  async clone(template: Template, vmId: string, options: WaitOptions = {}): Promise<Domain> {
    checkVmId(vmId);
    const machine = this.#templates.machineOf(template);
    if (this.#domains.has(vmId)) {
      throw new TidepoolError("alreadyExists", `vm ${vmId} exists on this host`);
    }
    const { stateDir } = this.#options;
    await this.#takeFolder();
    const files = await this.#templates.open(template);
    const process = await this.#spawn(
      machine,
      [
        ...markArguments(stateDir, vmId),
        ...rejoinArguments(vmId),
        ...machineArguments(machine, template.bootId ?? template.id),
        ...memoryArguments(template.config, memoryUses.clone),
      ],
      { image: machine.image, ...files },
      socketsFolder(stateDir),
    );
    const domain = this.#keep(new QemuDomain(vmId, process, stateDir));
    try {
      await inTime(process.orExit(takeIn(process)), {
        signal: options.signal,
        maxMs: cloneMaxMs,
        what: `cloning vm ${vmId}`,
      });
      return domain;
    } catch (thrown) {
      await domain.destroy();
      throw TidepoolError.from(thrown, "unavailable");
    }
  }

  async adopt(vmId: string): Promise<Domain> {
    const { stateDir } = this.#options;
    const found = (await findDomains(stateDir)).find((each) => each.vmId === vmId);
    if (found === undefined) throw new TidepoolError("notFound", `vm ${vmId} is not on this host`);
    if (found.hasNetwork && this.#options.guestNetwork?.isKept !== true)
      throw new TidepoolError("wrongPhase", `the network of vm ${vmId} has gone`);
    await this.#takeFolder();
    const rejoining = rejoin(stateDir, found);
    const process = await inTime(rejoining, { maxMs: cloneMaxMs, what: `adopting vm ${vmId}` });
    return this.#keep(new QemuDomain(vmId, process, stateDir));
  }

  async list(): Promise<readonly string[]> {
    return (await findDomains(this.#options.stateDir)).map((each) => each.vmId);
  }

  async destroy(vmId: string): Promise<void> {
    const own = this.#domains.get(vmId);
    if (own !== undefined) return own.destroy();
    const { stateDir } = this.#options;
    for (const found of await findDomains(stateDir)) {
      if (found.vmId === vmId) await killDomain(stateDir, found);
    }
  }

  /** Its keeper stays too: where no process comes next, it ends them. */
  async leave(): Promise<void> {
    await Promise.all([...this.#boots].map((process) => process.kill()));
    await this.#templates.ofFunctions.close();
  }

  async close(): Promise<void> {
    const own = [...this.#domains.values()].map((domain) => domain.destroy());
    const boots = [...this.#boots].map((process) => process.kill());
    await Promise.all([...own, ...boots]);
    await Promise.all((await this.list()).map((vmId) => this.destroy(vmId)));
    await this.#templates.ofFunctions.close();
    await rm(socketsFolder(this.#options.stateDir), { recursive: true, force: true });
    await this.#options.guestNetwork?.close();
    this.#keeper?.stop();
  }

  #keep(domain: Domain): Domain {
    this.#domains.set(domain.vmId, domain);
    void domain.exited.then(() => this.#domains.delete(domain.vmId));
    return domain;
  }

  /** VMs outlive this process; from now on not for longer than they wait for the next. */
  async #takeFolder(): Promise<void> {
    const { stateDir, runAs } = this.#options;
    await ensureFolder(stateDir, 0o700);
    await makeSocketsFolder(stateDir, runAs);
    this.#keeper ??= new Keeper(stateDir, "guest");
  }

  async #freeze(template: Template, machine: Machine, files: TemplateFiles): Promise<void> {
    const { image } = machine;
    const { ramPath, statePath } = files;
    const { runAs } = this.#options;
    await admitToImage(image, runAs);
    await writeFile(ramPath, "", { flag: "wx", mode: 0o600 });
    await admitToRam(ramPath, runAs);
    const process = await this.#spawn(
      machine,
      [
        "-name",
        `guest=template-${template.id}`,
        ...machineArguments(machine, template.id),
        ...memoryArguments(template.config, memoryUses.boot),
      ],
      { image, ramPath },
    );
    this.#boots.add(process);
    const receiver = await receiveState(statePath, runAs);
    try {
      const boot = waitForBoot(process.control, process.runtime, template.id);
      await inTime(process.orExit(boot), { maxMs: bootMaxMs, what: "booting the guest" });
      await inTime(process.orExit(writeOut(process, receiver)), {
        maxMs: bootMaxMs,
        what: "freezing the guest",
      });
    } finally {
      this.#boots.delete(process);
      await process.kill();
      await receiver.close();
    }
  }

  async #freezeAfterInit(making: Making): Promise<void> {
    const { machine, base, baseStatePath, files, prepare, limits, options } = making;
    const { ramPath, statePath } = files;
    const { runAs } = this.#options;
    await admitToRam(ramPath, runAs);
    const process = await this.#spawn(
      machine,
      [
        "-name",
        `guest=template-of-${base.id}`,
        ...machineArguments(machine, base.id),
        ...memoryArguments(base.config, memoryUses.goOn),
      ],
      { image: machine.image, ramPath, statePath: baseStatePath },
    );
    this.#boots.add(process);
    const receiver = await receiveState(statePath, runAs);
    const domain = new QemuDomain(`template-${base.id.slice(0, 8)}`, process);
    try {
      await inTime(process.orExit(takeIn(process)), limits);
      await inTime(process.orExit(prepare(domain)), options);
      await inTime(process.orExit(writeOutAgain(process, receiver)), limits);
    } finally {
      this.#boots.delete(process);
      await domain.destroy();
      await receiver.close();
    }
  }

  /**
   * @param outlivesIn see QemuProcess
   * @throws TidepoolError `unavailable` when the filter of its network cannot be set
   */
  async #spawn(
    { resolvers }: Machine,
    words: string[],
    files: GuestFiles,
    outlivesIn?: string,
  ): Promise<QemuProcess> {
    const { runAs, guestNetwork } = this.#options;
    if (resolvers === undefined)
      return new QemuProcess(qemuProgram, words, { files, runAs, outlivesIn });
    if (guestNetwork === undefined) return noNetwork();
    await guestNetwork.confirm();
    const { launcher } = guestNetwork;
    return new QemuProcess(qemuProgram, words, { files, runAs, outlivesIn, launcher });
  }
}

/** Whatever the frozen state depends on is in the command line, the image's hash or QEMU's version. */
async function templateId(machine: Machine, runAs: RunAs | undefined): Promise<string> {
  const parts = [
    String(templateFormatVersion),
    await qemuVersion(),
    machine.accelerator === "kvm" ? await hostCpuModel() : "",
    machine.image.hash,
    machine.config.runtime,
    ...machineArguments(machine, ""),
    ...memoryArguments(machine.config, memoryUses.boot),
    // Whose group may open the memory.
    ...(runAs === undefined ? [] : [String(runAs.gid)]),
  ];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 32);
}

/** It becomes part of a file name and of a command line. */
function checkVmId(vmId: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(vmId)) {
    throw new TidepoolError("invalid", `vm id '${vmId}' is not 1 to 64 of A-Z, a-z, 0-9, _ and -`);
  }
}
