/**
 * The templates of configs: each is booted once, kept on disk, and found there by the next process. How a
 * driver boots and freezes is its own; what is done about concurrent callers, failures and files that have changed is
 * here.
 */
import { TidepoolError, messageOf } from "@tidepool/common";
import type { GuestImage } from "@tidepool/guest";
import type { EnsureTemplateOptions, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { configKey, describeConfig } from "../hypervisor/vm-config.ts";
import { inTime } from "../within.ts";
import type { Machine } from "./machine.ts";
import { hostTscKhz } from "./qemu-program.ts";
import type { TemplateFiles, TemplateStore } from "./template-store.ts";

/** A guest under TCG hangs in its boot now and then. */
export const bootAttempts = 2;

export type ImageOf = (runtime: string, onProgress?: (step: string) => void) => Promise<GuestImage>;

export interface BootTemplatesParts {
  readonly accelerator: "kvm" | "tcg";
  readonly image: ImageOf;
  /** For configs with a network. @throws TidepoolError where there is none for them */
  readonly resolvers?: () => readonly string[];
  readonly store: TemplateStore;
  /** A hash of all that the frozen state depends on. */
  readonly idOf: (machine: Machine) => Promise<string>;
  /** Boots the guest, waits for its runtime and fills the two files. */
  readonly freeze: (template: Template, machine: Machine, files: TemplateFiles) => Promise<void>;
}

interface KnownTemplate {
  readonly template: Template;
  readonly machine: Machine;
}

/** What a function is told that asks for one where there is none. */
export function noNetwork(): never {
  throw new TidepoolError("wrongPhase", "this host gives guests no network", {
    reason: "noNetwork",
  });
}

export class BootTemplates {
  readonly #parts: BootTemplatesParts;
  readonly #making = new Map<string, Promise<KnownTemplate>>();
  readonly #known = new Map<string, KnownTemplate>();

  constructor(parts: BootTemplatesParts) {
    this.#parts = parts;
  }

  /** See Hypervisor.ensureTemplate. */
  async ensure(config: VmConfig, options: EnsureTemplateOptions = {}): Promise<Template> {
    const key = configKey(config);
    let making = this.#making.get(key);
    if (making === undefined) {
      making = this.#make(config, options.onProgress ?? ((): void => undefined));
      this.#making.set(key, making);
      // A failure is not remembered: the next caller tries again.
      making.catch(() => this.#making.delete(key));
    }
    const { template } = await inTime(making, { signal: options.signal });
    return template;
  }

  /** Undefined for a template that is none of these. */
  machineOf({ id }: Template): Machine | undefined {
    return this.#known.get(id)?.machine;
  }

  /**
   * One that has gone or changed is forgotten: the next ensure() makes it again.
   * @throws TidepoolError `notFound`
   */
  async open({ id, config }: Template): Promise<TemplateFiles> {
    try {
      return await this.#parts.store.open(id);
    } catch (thrown) {
      this.#making.delete(configKey(config));
      throw TidepoolError.from(thrown, "unavailable");
    }
  }

  async #make(config: VmConfig, onProgress: (step: string) => void): Promise<KnownTemplate> {
    const { accelerator, image, store, idOf, resolvers = noNetwork } = this.#parts;
    const machine: Machine = {
      accelerator,
      image: await image(config.runtime, onProgress),
      config,
      tscKhz: await hostTscKhz(),
      ...(config.network === undefined ? {} : { resolvers: resolvers() }),
    };
    const known = { template: { config, id: await idOf(machine) }, machine };
    const isThere = await store.open(known.template.id).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      onProgress(`booting ${describeConfig(config)}`);
      await this.#freezeWithRetry(known);
    }
    this.#known.set(known.template.id, known);
    return known;
  }

  async #freezeWithRetry({ template, machine }: KnownTemplate): Promise<void> {
    const { store, freeze } = this.#parts;
    const failures: string[] = [];
    while (failures.length < bootAttempts) {
      try {
        await store.create(template.id, (files) => freeze(template, machine, files));
        return;
      } catch (thrown) {
        failures.push(messageOf(thrown));
      }
    }
    throw new TidepoolError(
      "unavailable",
      `guest ${describeConfig(template.config)} did not boot: ${failures.join("; then: ")}`,
    );
  }
}
