/**
 * The `libvirt` driver: microVMs as transient domains, which virsh and all else that speaks libvirt can see.
 *
 *   ensureTemplate   a domain boots ─▶ runtime answers ─▶ pause ─▶ memory stays in a file, the rest in another
 *   clone            a domain created paused maps that memory copy-on-write ─▶ takes the rest in ─▶ resume
 *   adopt            a paused domain of an earlier process ─▶ resume ─▶ QEMU connects its channels to us anew
 *
 * Domains outlive the host-agent and libvirtd. While libvirtd is away, calls end with `unavailable`; what was
 * to be destroyed meanwhile is destroyed when it is back.
 */
import { createHash, randomUUID } from "node:crypto";
import { chmod } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ensureFolder, TidepoolError } from "@tidepool/common";
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
import type { Making } from "../qemu/after-init-templates.ts";
import type { ImageOf } from "../qemu/boot-templates.ts";
import { DriverTemplates, templatesFolder } from "../qemu/driver-templates.ts";
import { Keeper } from "../qemu/keeper.ts";
import { memoryUses } from "../qemu/machine.ts";
import type { Machine } from "../qemu/machine.ts";
import { admitToImage, ramModeOf } from "../qemu/run-as.ts";
import type { TemplateFiles } from "../qemu/template-store.ts";
import { removeTree } from "../remove-tree.ts";
import { inTime } from "../within.ts";
import { checkSocketPath, type LibvirtAddress } from "./address.ts";
import { ownerOf } from "./domain-owner.ts";
import { domainFiles } from "./domain-xml.ts";
import { Gate } from "../vm/gate.ts";
import type { LibvirtClient, LifecycleEvent } from "./libvirt-client.ts";
import { LibvirtDomain } from "./libvirt-domain.ts";
import { LibvirtLink } from "./libvirt-link.ts";
import {
  admitToTemplate,
  freezeTemplate,
  libvirtTemplateId,
  saveDomain,
} from "./libvirt-template.ts";
import { OwnDomains } from "./own-domains.ts";
import { admitQemuUser, findQemuUser, type QemuUser } from "./qemu-user.ts";
import type { RemoteDomain } from "./remote-domain.ts";
import { checkPaused, rejoinDomain, startDomain } from "./start-domain.ts";
import type { StartOptions } from "./start-domain.ts";

/** Through libvirt a clone takes 0.4 s, and a libvirtd that is loading capabilities answers late. */
export const cloneMaxMs = 30_000;
/** libvirtd works on 5 calls of one client at a time; one is kept free for those that are quick. */
const slowCallsMax = 4;

export interface LibvirtHypervisorOptions {
  readonly address: LibvirtAddress;
  readonly accelerator: "kvm" | "tcg";
  /** Part of the names of its domains, by which they are known after a restart. */
  readonly hostId: string;
  /** Gives the image of a runtime; @tidepool/guest's ensureGuestImage. */
  readonly image: ImageOf;
  /** Templates are kept in templates/ below it. */
  readonly cacheDir: string;
  /** This host-agent's own, for sockets: keep it short, see socketPathMaxBytes. */
  readonly stateDir: string;
}

export class LibvirtHypervisor implements Hypervisor {
  readonly name = "libvirt";
  readonly accelerator: Accelerator;
  readonly #options: LibvirtHypervisorOptions;
  readonly #owner: string;
  readonly #own: OwnDomains;
  readonly #templates: DriverTemplates;
  readonly functionTemplates: FunctionTemplates;
  readonly #slowCalls = new Gate(slowCallsMax);
  /** By name; also those of which a template is being taken. */
  readonly #domains = new Map<string, LibvirtDomain>();
  readonly #qemuUser: QemuUser | undefined;
  #link: LibvirtLink | undefined;
  #keeper: Keeper | undefined;

  private constructor(options: LibvirtHypervisorOptions, qemuUser: QemuUser | undefined) {
    this.#options = options;
    this.#qemuUser = qemuUser;
    this.accelerator = options.accelerator;
    this.#owner = ownerOf(options.stateDir);
    this.#own = new OwnDomains({
      hostId: options.hostId,
      owner: this.#owner,
      client: () => this.#client(),
      slowCalls: this.#slowCalls,
    });
    this.#templates = new DriverTemplates({
      ...options,
      storeOptions: { ramMode: ramModeOf(qemuUser), ramGid: qemuUser?.gid },
      idOf: (machine) => libvirtTemplateId(machine, this.#client(), qemuUser),
      freeze: (template, machine, files) => this.#freeze(template, machine, files),
      freezeAfterInit: (making) => this.#freezeAfterInit(making),
    });
    this.functionTemplates = this.#templates.ofFunctions;
  }

  /** @throws TidepoolError `unavailable` when no libvirtd answers, `invalid` when it cannot serve us */
  static async open(options: LibvirtHypervisorOptions): Promise<LibvirtHypervisor> {
    const { address, cacheDir, stateDir } = options;
    checkSocketPath(domainFiles(domainDirectory(stateDir, "any")).incoming);
    const qemuUser = await findQemuUser(address);
    if (qemuUser !== undefined)
      await admitQemuUser(
        qemuUser,
        [cacheDir, stateDir].flatMap((each) => [each, join(each, templatesFolder)]),
      );
    const hypervisor = new LibvirtHypervisor(options, qemuUser);
    hypervisor.#link = await LibvirtLink.open({
      address,
      onLifecycle: (event) => hypervisor.#hear(event),
      onReconnected: (client) => hypervisor.#catchUp(client),
    });
    await hypervisor.#own.destroyHalfMade();
    return hypervisor;
  }

  ensureTemplate(config: VmConfig, options?: EnsureTemplateOptions): Promise<Template> {
    return this.#templates.ensure(config, options);
  }

  async clone(template: Template, vmId: string, options: WaitOptions = {}): Promise<Domain> {
    const name = this.#own.names.ofVm(vmId);
    const machine = this.#templates.machineOf(template);
    await this.#takeFolder();
    if (this.#domains.has(name))
      throw new TidepoolError("alreadyExists", `vm ${vmId} exists on this host`);
    const domain = this.#keep(vmId, name, randomUUID());
    const abort = new AbortController();
    const starting = this.#templates.open(template).then((files) =>
      this.#start(domain, {
        machine,
        bootId: template.bootId ?? template.id,
        files,
        memoryUse: memoryUses.clone,
        signal: abort.signal,
      }),
    );
    try {
      const limits = { signal: options.signal, maxMs: cloneMaxMs, what: `cloning vm ${vmId}` };
      await inTime(Promise.race([starting, rejectOnExit(domain)]), limits);
      return domain;
    } catch (thrown) {
      abort.abort(thrown);
      // A create that is under way cannot be called back: only after it is there anything to destroy.
      await starting.catch(() => {});
      await domain.destroy().catch(() => domain.settleExit("libvirtd is away"));
      throw TidepoolError.from(thrown, "unavailable");
    }
  }

  async adopt(vmId: string): Promise<Domain> {
    const name = this.#own.names.ofVm(vmId);
    if (this.#domains.has(name))
      throw new TidepoolError("alreadyExists", `vm ${vmId} is this host-agent's already`);
    const client = this.#client();
    const remote = await this.#own.find(name);
    await checkPaused(client, remote);
    await this.#takeFolder();
    const domain = this.#keep(vmId, name, uuidOf(remote));
    const abort = new AbortController();
    try {
      const joining = rejoinDomain(client, remote, {
        directory: this.#directoryOf(vmId),
        qemuUser: this.#qemuUser,
        signal: abort.signal,
      });
      joining.then(
        (channels) => domain.attach(remote, channels),
        () => {},
      );
      const limits = { maxMs: cloneMaxMs, what: `adopting vm ${vmId}` };
      await inTime(Promise.race([joining, rejectOnExit(domain)]), limits);
      domain.control.once("close", () => this.#channelClosed(domain));
      return domain;
    } catch (thrown) {
      abort.abort(thrown);
      // It is still there, for the caller to destroy; one that has ended has settled by itself.
      this.#domains.delete(name);
      throw TidepoolError.from(thrown, "unavailable");
    }
  }

  async list(): Promise<readonly string[]> {
    return this.#own.vmIds();
  }

  async destroy(vmId: string): Promise<void> {
    const name = this.#own.names.ofVm(vmId);
    const own = this.#domains.get(name);
    if (own !== undefined) return own.destroy();
    await this.#own.destroy(name);
    await removeTree(this.#directoryOf(vmId));
  }

  async leave(): Promise<void> {
    await this.#templates.ofFunctions.close();
    await this.#link?.close();
  }

  async close(): Promise<void> {
    try {
      await Promise.all([...this.#domains.values()].map((domain) => domain.destroy()));
      await Promise.all((await this.list()).map((vmId) => this.destroy(vmId)));
      await this.#templates.ofFunctions.close();
      this.#keeper?.stop();
    } finally {
      await this.#link?.close();
    }
  }

  /** Domains outlive this process; from now on not for longer than they wait for the next. */
  async #takeFolder(): Promise<void> {
    const { stateDir } = this.#options;
    await ensureFolder(stateDir, 0o700);
    // Each domain's sockets are below it.
    this.#keeper ??= new Keeper(stateDir, "path");
  }

  #keep(vmId: string, name: string, uuid: string): LibvirtDomain {
    const domain = new LibvirtDomain({
      vmId,
      name,
      uuid,
      directory: this.#directoryOf(vmId),
      client: () => this.#client(),
      destroyByName: (each) => this.#own.destroy(each),
    });
    this.#domains.set(name, domain);
    void domain.exited.then(() => {
      if (this.#domains.get(name) === domain) this.#domains.delete(name);
    });
    return domain;
  }

  async #start(
    domain: LibvirtDomain,
    options: Pick<StartOptions, "machine" | "bootId" | "files" | "memoryUse" | "signal">,
  ): Promise<void> {
    await startDomain({
      ...options,
      client: this.#client(),
      name: domain.name,
      uuid: domain.uuid,
      directory: this.#directoryOf(domain.vmId),
      owner: this.#owner,
      qemuUser: this.#qemuUser,
      slowly: (work) => this.#slowCalls.run(work),
      onCreated: (remote, channels) => {
        domain.attach(remote, channels);
        channels.control.once("close", () => this.#channelClosed(domain));
      },
    });
  }

  async #freeze(
    { id: templateId }: Template,
    machine: Machine,
    files: TemplateFiles,
  ): Promise<void> {
    await admitToImage(machine.image, this.#qemuUser);
    if (this.#qemuUser !== undefined) await chmod(dirname(machine.image.kernelPath), 0o755);
    const options = {
      machine,
      templateId,
      name: this.#own.names.ofTemplate(templateId),
      directory: this.#directoryOf(`template.${templateId}`),
      owner: this.#owner,
      qemuUser: this.#qemuUser,
      client: this.#client(),
      destroyByName: (name: string) => this.#own.destroy(name),
    };
    return freezeTemplate(options, files);
  }

  async #freezeAfterInit(making: Making): Promise<void> {
    const { machine, base, baseStatePath, files, prepare, limits, options } = making;
    const user = this.#qemuUser;
    await admitToTemplate(files.ramPath, user);
    const id = `template-${randomUUID()}`;
    const domain = this.#keep(id, this.#own.names.ofTemplate(id), randomUUID());
    const abort = new AbortController();
    const starting = this.#start(domain, {
      machine,
      bootId: base.id,
      files: { ramPath: files.ramPath, statePath: baseStatePath },
      memoryUse: memoryUses.goOn,
      signal: abort.signal,
    });
    try {
      await inTime(Promise.race([starting, rejectOnExit(domain)]), limits);
      await inTime(Promise.race([prepare(domain), rejectOnExit(domain)]), options);
      const saving = saveDomain(this.#client(), domain.remote, {
        directory: this.#directoryOf(id),
        statePath: files.statePath,
        qemuUser: user,
      });
      await inTime(saving, limits);
    } finally {
      abort.abort();
      await starting.catch(() => {});
      await domain.destroy().catch(() => domain.settleExit("libvirtd is away"));
    }
  }

  #client(): LibvirtClient {
    if (this.#link !== undefined) return this.#link.client();
    throw new TidepoolError("unavailable", "the libvirt driver is not open yet");
  }

  #hear({ domain: remote, event, detail }: LifecycleEvent): void {
    if (event !== "stopped") return;
    for (const domain of this.#domains.values())
      if (isSame(domain, remote)) domain.settleExit(`libvirt saw it stop: ${detail}`);
  }

  async #catchUp(client: LibvirtClient): Promise<void> {
    try {
      await this.#own.destroyLeft();
      const remotes = await client.listDomains();
      for (const domain of this.#domains.values())
        if (!remotes.some((remote) => isSame(domain, remote)))
          domain.settleExit("it ended while libvirtd was away");
    } catch {
      // The connection broke again: the next one catches up.
    }
  }

  #directoryOf(id: string): string {
    return domainDirectory(this.#options.stateDir, id);
  }

  /** With libvirtd there, its event follows and says more. */
  #channelClosed(domain: LibvirtDomain): void {
    try {
      this.#client();
    } catch {
      this.#own.leave(domain.name);
      domain.settleExit("its channels closed while libvirtd was away");
    }
  }
}

/** Named by a hash: a VM's id may be too long for the name of a socket in it. */
function domainDirectory(stateDir: string, id: string): string {
  return join(stateDir, createHash("sha256").update(id).digest("hex").slice(0, 12));
}

function uuidOf({ uuid }: RemoteDomain): string {
  const digits = uuid.toString("hex");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function isSame(domain: LibvirtDomain, remote: { readonly uuid: Buffer }): boolean {
  return remote.uuid.toString("hex") === domain.uuid.replaceAll("-", "");
}

async function rejectOnExit(domain: LibvirtDomain): Promise<never> {
  const { detail } = await domain.exited;
  throw new TidepoolError("unavailable", `vm ${domain.vmId} ended while it was cloned: ${detail}`);
}
