/**
 * A hypervisor that runs nothing: its VMs take the time that real ones take and fail as they do, by a seed,
 * while their guests speak the real protocol. For tests of many hosts on one machine; chosen explicitly,
 * never fallen back to.
 */
import { createHash } from "node:crypto";
import { systemClock, TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type {
  Domain,
  EnsureTemplateOptions,
  FunctionTemplates,
  Hypervisor,
  Template,
  VmConfig,
  WaitOptions,
} from "../hypervisor/hypervisor.ts";
import { configKey, describeConfig } from "../hypervisor/vm-config.ts";
import { seededRandom } from "./random.ts";
import { SimulatedDomain } from "./simulated-domain.ts";
import type { SimulatedLoad } from "./simulated-guest.ts";

export interface SimulatedHypervisorOptions {
  readonly seed?: number;
  /** Time of a template's boot, on average. */
  readonly bootMs?: number;
  /** Time of a clone, on average. */
  readonly cloneMs?: number;
  /** All times are multiplied by this; 0 makes everything immediate. */
  readonly timeScale?: number;
  /** Share of boots, and of clones, that fail; 0 to 1. */
  readonly bootFailureShare?: number;
  readonly cloneFailureShare?: number;
}

export const simulatedBootMs = 1_500;
export const simulatedCloneMs = 60;
/** Times vary by this share around their mean. */
const jitterShare = 0.3;

export class SimulatedHypervisor implements Hypervisor {
  readonly name = "simulated";
  readonly accelerator = "simulated";
  private readonly options: Required<SimulatedHypervisorOptions>;
  private readonly random: () => number;
  private readonly templates = new Map<string, Promise<Template>>();
  private readonly templateIds = new Set<string>();
  private readonly domains = new Map<string, SimulatedDomain>();
  /** Of templates taken after a load: what they were loaded with. */
  private readonly loads = new Map<string, SimulatedLoad>();

  constructor(options: SimulatedHypervisorOptions = {}) {
    this.options = {
      seed: 1,
      bootMs: simulatedBootMs,
      cloneMs: simulatedCloneMs,
      timeScale: 1,
      bootFailureShare: 0,
      cloneFailureShare: 0,
      ...options,
    };
    this.random = seededRandom(this.options.seed);
  }

  ensureTemplate(config: VmConfig, options: EnsureTemplateOptions = {}): Promise<Template> {
    const key = configKey(config);
    const made = this.templates.get(key) ?? this.boot(config, options);
    this.templates.set(key, made);
    made.catch(() => this.templates.delete(key));
    return made;
  }

  async clone(template: Template, vmId: string, options: WaitOptions = {}): Promise<Domain> {
    if (!subjects.isToken(vmId)) throw new TidepoolError("invalid", `'${vmId}' is no id of a VM`);
    if (!this.templateIds.has(template.id)) {
      throw new TidepoolError("notFound", `template ${template.id} is not one of this host's`);
    }
    if (this.domains.has(vmId)) {
      throw new TidepoolError("alreadyExists", `domain ${vmId} exists already`);
    }
    const mayFail = this.random();
    await this.wait(this.options.cloneMs, options.signal);
    if (mayFail < this.options.cloneFailureShare) {
      throw new TidepoolError("unavailable", `simulated failure of the clone ${vmId}`);
    }
    const { bootId = template.id } = template;
    const domain = new SimulatedDomain(vmId, bootId, this.loads.get(template.id));
    this.domains.set(vmId, domain);
    void domain.exited.then(() => this.domains.delete(vmId));
    return domain;
  }

  async list(): Promise<readonly string[]> {
    return [...this.domains.keys()];
  }

  async destroy(vmId: string): Promise<void> {
    const domain = this.domains.get(vmId);
    await domain?.destroy();
    await domain?.exited;
  }

  /** A copy of the base is loaded as every VM is; its clones have what it was loaded with. */
  readonly functionTemplates: FunctionTemplates = {
    make: async (base, prepare, { signal } = {}) => {
      await this.wait(this.options.cloneMs, signal);
      const domain = new SimulatedDomain("template", base.bootId ?? base.id);
      try {
        await prepare(domain);
        const id = `${base.id}-${this.loads.size}-${this.random()}`;
        this.loads.set(id, domain.loaded);
        this.templateIds.add(id);
        return { config: base.config, id, bootId: base.id };
      } finally {
        await domain.destroy();
      }
    },
    remove: async ({ id }) => {
      if (this.loads.delete(id)) this.templateIds.delete(id);
    },
  };

  /** Ends a VM from within, as a crash would. */
  crash(vmId: string): void {
    this.domains.get(vmId)?.crash();
  }

  async close(): Promise<void> {
    await Promise.all([...this.domains.keys()].map((vmId) => this.destroy(vmId)));
  }

  private async boot(config: VmConfig, options: EnsureTemplateOptions): Promise<Template> {
    options.onProgress?.(`booting ${describeConfig(config)} (simulated)`);
    const mayFail = this.random();
    await this.wait(this.options.bootMs, options.signal);
    if (mayFail < this.options.bootFailureShare) {
      throw new TidepoolError("unavailable", `simulated failure of the boot of ${config.runtime}`);
    }
    const id = createHash("sha256")
      .update(`simulated ${JSON.stringify(config)}`)
      .digest("hex");
    this.templateIds.add(id);
    return { config, id };
  }

  private async wait(meanMs: number, signal: AbortSignal | undefined): Promise<void> {
    const ms = meanMs * this.options.timeScale * (1 + jitterShare * (2 * this.random() - 1));
    if (ms > 0) await systemClock.sleep(ms, signal);
    signal?.throwIfAborted();
  }
}
