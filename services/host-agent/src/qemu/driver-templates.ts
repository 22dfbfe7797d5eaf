/**
 * All templates of a driver that boots real guests: those of configs are in the cache, which outlives the driver,
 * those of functions in the host-agent's own folder.
 */
import { join } from "node:path";
import { TidepoolError } from "@tidepool/common";
import type { EnsureTemplateOptions, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { AfterInitTemplates } from "./after-init-templates.ts";
import type { AfterInitParts } from "./after-init-templates.ts";
import { BootTemplates } from "./boot-templates.ts";
import type { BootTemplatesParts } from "./boot-templates.ts";
import type { Machine } from "./machine.ts";
import { TemplateStore } from "./template-store.ts";
import type { TemplateFiles, TemplateStoreOptions } from "./template-store.ts";

/** Below both directories. */
export const templatesFolder = "templates";

export interface DriverTemplatesParts extends Omit<BootTemplatesParts, "store"> {
  readonly cacheDir: string;
  readonly stateDir: string;
  readonly storeOptions: TemplateStoreOptions;
  readonly freezeAfterInit: AfterInitParts["freeze"];
}

export class DriverTemplates {
  readonly ofFunctions: AfterInitTemplates;
  readonly #ofConfigs: BootTemplates;

  constructor(parts: DriverTemplatesParts) {
    const { cacheDir, stateDir, storeOptions, freezeAfterInit, ...boot } = parts;
    const store = new TemplateStore(join(cacheDir, templatesFolder), storeOptions);
    this.#ofConfigs = new BootTemplates({ ...boot, store });
    const folder = join(stateDir, templatesFolder);
    this.ofFunctions = new AfterInitTemplates({
      folder,
      store: new TemplateStore(folder, storeOptions),
      machineOf: (template) => this.machineOf(template),
      openBase: (template) => this.open(template),
      freeze: freezeAfterInit,
    });
  }

  /** See Hypervisor.ensureTemplate. */
  ensure(config: VmConfig, options?: EnsureTemplateOptions): Promise<Template> {
    return this.#ofConfigs.ensure(config, options);
  }

  /** @throws TidepoolError `notFound` */
  machineOf(template: Template): Machine {
    const machine = this.#ofConfigs.machineOf(template) ?? this.ofFunctions.machineOf(template);
    if (machine !== undefined) return machine;
    throw new TidepoolError("notFound", `template ${template.id} is not one of this host's`);
  }

  /** @throws TidepoolError `notFound` when it is not as it was frozen */
  open(template: Template): Promise<TemplateFiles> {
    const isOfFunction = template.bootId !== undefined;
    return isOfFunction ? this.ofFunctions.open(template) : this.#ofConfigs.open(template);
  }
}
