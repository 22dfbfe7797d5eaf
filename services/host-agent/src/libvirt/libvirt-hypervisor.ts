/**
 * The `libvirt` driver: microVMs as transient domains, which virsh and all else that speaks libvirt can see.
 *
 *   ensureTemplate   a domain boots ─▶ runtime answers ─▶ pause ─▶ memory stays in a file, the rest in another
 *   clone            a domain created paused maps that memory copy-on-write ─▶ takes the rest in ─▶ resume
 *
 * Domains outlive the host-agent and libvirtd. While libvirtd is away, calls end with `unavailable`; what was
 * to be destroyed meanwhile is destroyed when it is back.
 */
import { createHash, randomUUID } from "node:crypto";
import { chmod, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TidepoolError, messageOf } from "@tidepool/common";
import type { GuestImage } from "@tidepool/guest";
import type {
  Accelerator,
  Domain,
  EnsureTemplateOptions,
  Hypervisor,
  Template,
  VmConfig,
  WaitOptions,
} from "../hypervisor/hypervisor.ts";
import { configKey, describeConfig } from "../hypervisor/vm-config.ts";
import type { Machine } from "../qemu/machine.ts";
import { hostTscKhz } from "../qemu/qemu-program.ts";
import { TemplateStore } from "../qemu/template-store.ts";
import type { TemplateFiles } from "../qemu/template-store.ts";
import { within } from "../qemu/within.ts";
import { checkSocketPath, type LibvirtAddress } from "./address.ts";
import { ChannelListeners } from "./channel-listeners.ts";
import { DomainNames } from "./domain-name.ts";
import { domainFiles, domainXml } from "./domain-xml.ts";
import { Gate } from "../vm/gate.ts";
import type { LibvirtClient, LifecycleEvent } from "./libvirt-client.ts";
import { LibvirtDomain } from "./libvirt-domain.ts";
import { LibvirtLink } from "./libvirt-link.ts";
import { freezeTemplate, libvirtTemplateId, machineSpec } from "./libvirt-template.ts";
import { createFlags } from "./protocol.ts";
import {
  admitQemuUser,
  findQemuUser,
  makeQemuDirectory,
  sharedRamMode,
  type QemuUser,
} from "./qemu-user.ts";
import { loadState } from "./saved-state.ts";

/** Through libvirt a clone takes 0.4 s, and a libvirtd that is loading capabilities answers late. */
export const cloneMaxMs = 30_000;
const bootAttempts = 2;
/** libvirtd works on 5 calls of one client at a time; one is kept free for those that are quick. */
const slowCallsMax = 4;
const templatesFolder = "templates";

export interface LibvirtHypervisorOptions {
  readonly address: LibvirtAddress;
  readonly accelerator: "kvm" | "tcg";
  /** Part of the names of its domains, by which they are known after a restart. */
  readonly hostId: string;
  /** Gives the image of a runtime; @tidepool/guest's ensureGuestImage. */
  readonly image: (runtime: string, onProgress?: (step: string) => void) => Promise<GuestImage>;
  /** Templates are kept in templates/ below it. */
  readonly cacheDir: string;
  /** This host-agent's own, for sockets: keep it short, see socketPathMaxBytes. */
  readonly stateDir: string;
}

interface KnownTemplate {
  readonly template: Template;
  readonly machine: Machine;
}

export class LibvirtHypervisor implements Hypervisor {
  readonly name = "libvirt";
  readonly accelerator: Accelerator;
  readonly #options: LibvirtHypervisorOptions;
  readonly #names: DomainNames;
  readonly #store: TemplateStore;
  readonly #slowCalls = new Gate(slowCallsMax);
  readonly #templates = new Map<string, Promise<KnownTemplate>>();
  readonly #known = new Map<string, KnownTemplate>();
  readonly #domains = new Map<string, LibvirtDomain>();
  /** Names of domains to be destroyed as soon as libvirtd is back. */
  readonly #leftovers = new Set<string>();
  readonly #qemuUser: QemuUser | undefined;
  #link: LibvirtLink | undefined;

  private constructor(options: LibvirtHypervisorOptions, qemuUser: QemuUser | undefined) {
    this.#options = options;
    this.#qemuUser = qemuUser;
    this.accelerator = options.accelerator;
    this.#names = new DomainNames(options.hostId);
    const storeOptions = qemuUser === undefined ? {} : { ramMode: sharedRamMode };
    this.#store = new TemplateStore(join(options.cacheDir, templatesFolder), storeOptions);
  }

  /** @throws TidepoolError `unavailable` when no libvirtd answers, `invalid` when it cannot serve us */
  static async open(options: LibvirtHypervisorOptions): Promise<LibvirtHypervisor> {
    const { address, cacheDir, stateDir } = options;
    checkSocketPath(domainFiles(domainDirectory(stateDir, "any")).incoming);
    const qemuUser = await findQemuUser(address);
    if (qemuUser !== undefined)
      await admitQemuUser(qemuUser, [cacheDir, join(cacheDir, templatesFolder), stateDir]);
    const hypervisor = new LibvirtHypervisor(options, qemuUser);
    hypervisor.#link = await LibvirtLink.open({
      address,
      onLifecycle: (event) => hypervisor.#hear(event),
      onReconnected: (client) => hypervisor.#catchUp(client),
    });
    return hypervisor;
  }

  async ensureTemplate(config: VmConfig, options: EnsureTemplateOptions = {}): Promise<Template> {
    const key = configKey(config);
    let making = this.#templates.get(key);
    if (making === undefined) {
      making = this.#ensure(config, options.onProgress ?? (() => {}));
      this.#templates.set(key, making);
      // A failure is not remembered: the next caller tries again.
      making.catch(() => this.#templates.delete(key));
    }
    return (await within(making, { signal: options.signal })).template;
  }

  async clone(template: Template, vmId: string, options: WaitOptions = {}): Promise<Domain> {
    const name = this.#names.ofVm(vmId);
    const known = this.#known.get(template.id);
    if (known === undefined)
      throw new TidepoolError("notFound", `template ${template.id} is not one of this host's`);
    if (this.#domains.has(vmId))
      throw new TidepoolError("alreadyExists", `vm ${vmId} exists on this host`);
    const domain = new LibvirtDomain({
      vmId,
      name,
      uuid: randomUUID(),
      directory: domainDirectory(this.#options.stateDir, vmId),
      client: () => this.#client(),
      destroyByName: (each) => this.#destroyByName(each),
    });
    this.#domains.set(vmId, domain);
    void domain.exited.then(() => this.#domains.delete(vmId));
    const abort = new AbortController();
    const starting = this.#start(known, domain, abort.signal);
    try {
      const limits = { signal: options.signal, maxMs: cloneMaxMs, what: `cloning vm ${vmId}` };
      await within(Promise.race([starting, rejectOnExit(domain)]), limits);
      return domain;
    } catch (thrown) {
      abort.abort(thrown);
      // A create that is under way cannot be called back: only after it is there anything to destroy.
      await starting.catch(() => {});
      await domain.destroy().catch(() => domain.settleExit("libvirtd is away"));
      throw TidepoolError.from(thrown, "unavailable");
    }
  }

  async list(): Promise<readonly string[]> {
    const domains = await this.#client().listDomains();
    return domains.flatMap(({ name }) => this.#names.vmIdIn(name) ?? []);
  }

  async destroy(vmId: string): Promise<void> {
    const own = this.#domains.get(vmId);
    if (own !== undefined) return own.destroy();
    await this.#destroyByName(this.#names.ofVm(vmId));
    await rm(domainDirectory(this.#options.stateDir, vmId), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    try {
      await Promise.all((await this.list()).map((vmId) => this.destroy(vmId)));
    } finally {
      await this.#link?.close();
    }
  }

  async #start(known: KnownTemplate, domain: LibvirtDomain, signal: AbortSignal): Promise<void> {
    const { template, machine } = known;
    const { name, uuid, vmId } = domain;
    const client = this.#client();
    const directory = domainDirectory(this.#options.stateDir, vmId);
    const { ramPath, statePath } = await this.#openTemplate(template);
    const state = await readFile(statePath);
    await rm(directory, { recursive: true, force: true });
    await makeQemuDirectory(directory, this.#qemuUser);
    const listeners = await ChannelListeners.listen(directory, this.#qemuUser);
    try {
      const xml = domainXml({
        ...machineSpec(machine, template.id),
        name,
        uuid,
        directory,
        ramPath,
        isClone: true,
        qemuUser: this.#qemuUser,
      });
      const remote = await this.#slowCalls.run(() => {
        signal.throwIfAborted();
        return client.createDomain(name, xml, createFlags.paused);
      });
      signal.throwIfAborted();
      const channels = await listeners.accept();
      domain.attach(remote, channels);
      channels.control.once("close", () => this.#channelClosed(domain));
      const socketPath = domainFiles(directory).incoming;
      await loadState(client, remote, state, { socketPath, signal });
      await client.resume(remote);
    } catch (thrown) {
      listeners.close();
      throw thrown;
    }
  }

  /** One that has gone or changed is forgotten: the next ensureTemplate makes it again. */
  async #openTemplate({ id, config }: Template): Promise<TemplateFiles> {
    try {
      return await this.#store.open(id);
    } catch (thrown) {
      this.#templates.delete(configKey(config));
      throw TidepoolError.from(thrown, "unavailable");
    }
  }

  async #ensure(config: VmConfig, onProgress: (step: string) => void): Promise<KnownTemplate> {
    const machine: Machine = {
      accelerator: this.#options.accelerator,
      image: await this.#options.image(config.runtime, onProgress),
      config,
      tscKhz: await hostTscKhz(),
    };
    if (this.#qemuUser !== undefined) await chmod(dirname(machine.image.kernelPath), 0o755);
    const template = { config, id: await libvirtTemplateId(machine, this.#client()) };
    const isThere = await this.#store.open(template.id).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      onProgress(`booting ${describeConfig(config)} under libvirt`);
      await this.#freeze({ template, machine });
    }
    const known = { template, machine };
    this.#known.set(template.id, known);
    return known;
  }

  async #freeze({ template, machine }: KnownTemplate): Promise<void> {
    const { id: templateId, config } = template;
    const options = {
      machine,
      templateId,
      name: this.#names.ofTemplate(templateId),
      directory: domainDirectory(this.#options.stateDir, `template.${templateId}`),
      qemuUser: this.#qemuUser,
      destroyByName: (name: string) => this.#destroyByName(name),
    };
    const failures: string[] = [];
    while (failures.length < bootAttempts) {
      try {
        await this.#store.create(templateId, (files) =>
          freezeTemplate({ ...options, client: this.#client() }, files),
        );
        return;
      } catch (thrown) {
        failures.push(messageOf(thrown));
      }
    }
    throw new TidepoolError(
      "unavailable",
      `guest ${describeConfig(config)} did not boot: ${failures.join("; then: ")}`,
    );
  }

  /** Resolves when libvirt has no domain of this name. While libvirtd is away it is noted for later. */
  async #destroyByName(name: string): Promise<void> {
    try {
      const client = this.#client();
      await this.#slowCalls.run(async () => client.destroy(await client.lookupDomain(name)));
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code === "notFound") return;
      if (error.code === "unavailable") this.#leftovers.add(name);
      throw error;
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
      const leftovers = [...this.#leftovers];
      this.#leftovers.clear();
      await Promise.allSettled(leftovers.map((name) => this.#destroyByName(name)));
      const remotes = await client.listDomains();
      for (const domain of this.#domains.values())
        if (!remotes.some((remote) => isSame(domain, remote)))
          domain.settleExit("it ended while libvirtd was away");
    } catch {
      // The connection broke again: the next one catches up.
    }
  }

  /** With libvirtd there, its event follows and says more. */
  #channelClosed(domain: LibvirtDomain): void {
    try {
      this.#client();
    } catch {
      this.#leftovers.add(domain.name);
      domain.settleExit("its channels closed while libvirtd was away");
    }
  }
}

/** Named by a hash: a VM's id may be too long for the name of a socket in it. */
function domainDirectory(stateDir: string, id: string): string {
  return join(stateDir, createHash("sha256").update(id).digest("hex").slice(0, 12));
}

function isSame(domain: LibvirtDomain, remote: { readonly uuid: Buffer }): boolean {
  return remote.uuid.toString("hex") === domain.uuid.replaceAll("-", "");
}

async function rejectOnExit(domain: LibvirtDomain): Promise<never> {
  const { detail } = await domain.exited;
  throw new TidepoolError("unavailable", `vm ${domain.vmId} ended while it was cloned: ${detail}`);
}
