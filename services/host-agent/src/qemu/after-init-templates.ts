/**
 * Templates taken after a function's own init. A copy of the base template's memory is written to as the function
 * is loaded, instead of being mapped copy-on-write; then what is in the machine beside it is saved anew. They are
 * kept in the host-agent's own folder and end with the driver.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { TidepoolError } from "@tidepool/common";
import type { Domain, FunctionTemplates, Template, WaitOptions } from "../hypervisor/hypervisor.ts";
import { inTime } from "../within.ts";
import type { WaitLimits } from "../within.ts";
import type { Machine } from "./machine.ts";
import type { TemplateFiles, TemplateStore } from "./template-store.ts";

/** Copying the memory, taking the state in, and saving it again; what the function does is not counted. */
export const freezeMaxMs = 30_000;

export interface AfterInitParts {
  readonly folder: string;
  /** In that folder. */
  readonly store: TemplateStore;
  machineOf(template: Template): Machine;
  openBase(template: Template): Promise<TemplateFiles>;
  /** Lets a guest go on from the base's state in the copied memory, prepares it, and saves its state. */
  freeze(making: Making): Promise<void>;
}

export interface Making {
  readonly machine: Machine;
  readonly base: Template;
  readonly baseStatePath: string;
  /** A copy of the base's memory, to be written to, and the state that is to be made. */
  readonly files: TemplateFiles;
  readonly prepare: (domain: Domain) => Promise<void>;
  /** Of each step but `prepare`. */
  readonly limits: WaitLimits;
  readonly options: WaitOptions;
}

export class AfterInitTemplates implements FunctionTemplates {
  readonly #parts: AfterInitParts;
  readonly #made = new Map<string, Machine>();
  #cleared: Promise<void> | undefined;

  constructor(parts: AfterInitParts) {
    this.#parts = parts;
  }

  async make(
    base: Template,
    prepare: (domain: Domain) => Promise<void>,
    options: WaitOptions = {},
  ): Promise<Template> {
    await (this.#cleared ??= this.#clear());
    const machine = this.#parts.machineOf(base);
    const from = await this.#parts.openBase(base);
    const id = randomBytes(16).toString("hex");
    const limits = { ...options, maxMs: freezeMaxMs, what: "making a template of a function" };
    await this.#parts.store.create(id, async (files) => {
      await inTime(copySparse(from.ramPath, files.ramPath), limits);
      const baseStatePath = from.statePath;
      await this.#parts.freeze({ machine, base, baseStatePath, files, prepare, limits, options });
    });
    this.#made.set(id, machine);
    return { config: base.config, id, bootId: base.id };
  }

  /** An earlier process that was killed has left its own; VMs that were made of them have them mapped. */
  async #clear(): Promise<void> {
    const { folder } = this.#parts;
    const left = await readdir(folder).catch(() => []); // there is none
    await Promise.all(left.map((name) => rm(join(folder, name), { recursive: true })));
  }

  async remove({ id }: Template): Promise<void> {
    if (!this.#made.delete(id)) return;
    await this.#parts.store.remove(id);
  }

  /** The machine of a template of ours; undefined for others. */
  machineOf({ id }: Template): Machine | undefined {
    return this.#made.get(id);
  }

  open({ id }: Template): Promise<TemplateFiles> {
    return this.#parts.store.open(id);
  }

  async close(): Promise<void> {
    this.#made.clear();
    for (const folder of [this.#parts.folder, `${this.#parts.folder}.uses`]) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/** Most of a template's memory was never written to, and is no part of the file on disk. */
async function copySparse(from: string, to: string): Promise<void> {
  try {
    await promisify(execFile)("cp", ["--sparse=always", "--reflink=auto", from, to]);
  } catch (cause) {
    throw new TidepoolError("unavailable", `cannot copy the memory of ${from}`, { cause });
  }
}
