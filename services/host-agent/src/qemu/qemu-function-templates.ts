/**
 * Templates taken after a function's own init. A copy of the base template's memory is written to as the function
 * is loaded, instead of being mapped copy-on-write; then what is in the machine beside it is saved anew. They are
 * kept in the host-agent's own folder and end with the driver.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";
import { TidepoolError } from "@tidepool/common";
import type { Domain, FunctionTemplates, Template, WaitOptions } from "../hypervisor/hypervisor.ts";
import type { Machine } from "./machine.ts";
import { takeIn, writeOutAgain } from "./migration.ts";
import { QemuDomain } from "./qemu-domain.ts";
import type { QemuProcess } from "./qemu-process.ts";
import { receiveState } from "./state-receiver.ts";
import { TemplateStore } from "./template-store.ts";
import type { TemplateFiles } from "./template-store.ts";
import { within } from "./within.ts";

/** Copying the memory, taking the state in, and saving it again; what the function does is not counted. */
export const freezeMaxMs = 30_000;

export interface QemuTemplatesParts {
  readonly folder: string;
  machineOf(template: Template): Machine;
  openBase(template: Template): Promise<TemplateFiles>;
  /** A process that goes on from `files.state`, and writes to `files.ram`. */
  spawn(machine: Machine, base: Template, files: TemplateFiles): Promise<QemuProcess>;
}

export class QemuFunctionTemplates implements FunctionTemplates {
  readonly #parts: QemuTemplatesParts;
  readonly #store: TemplateStore;
  readonly #made = new Map<string, Machine>();

  constructor(parts: QemuTemplatesParts) {
    this.#parts = parts;
    this.#store = new TemplateStore(parts.folder);
  }

  async make(
    base: Template,
    prepare: (domain: Domain) => Promise<void>,
    options: WaitOptions = {},
  ): Promise<Template> {
    const machine = this.#parts.machineOf(base);
    const from = await this.#parts.openBase(base);
    const id = randomBytes(16).toString("hex");
    await this.#store.create(id, (files) =>
      this.#freeze(machine, base, { from, files, prepare, options }),
    );
    this.#made.set(id, machine);
    return { config: base.config, id, bootId: base.id };
  }

  async remove({ id }: Template): Promise<void> {
    if (!this.#made.delete(id)) return;
    await this.#store.remove(id);
  }

  /** The machine of a template of ours; undefined for others. */
  machineOf({ id }: Template): Machine | undefined {
    return this.#made.get(id);
  }

  open({ id }: Template): Promise<TemplateFiles> {
    return this.#store.open(id);
  }

  async close(): Promise<void> {
    this.#made.clear();
    for (const folder of [this.#parts.folder, `${this.#parts.folder}.uses`]) {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #freeze(
    machine: Machine,
    base: Template,
    making: {
      readonly from: TemplateFiles;
      readonly files: TemplateFiles;
      readonly prepare: (domain: Domain) => Promise<void>;
      readonly options: WaitOptions;
    },
  ): Promise<void> {
    const { from, files, prepare, options } = making;
    const limits = { ...options, maxMs: freezeMaxMs, what: "making a template of a function" };
    await within(copySparse(from.ramPath, files.ramPath), limits);
    const process = await this.#parts.spawn(machine, base, { ...from, ramPath: files.ramPath });
    const domain = new QemuDomain(`template-${base.id.slice(0, 8)}`, process);
    const receiver = await receiveState(files.statePath);
    try {
      await within(process.orExit(takeIn(process)), limits);
      await within(process.orExit(prepare(domain)), options);
      await within(process.orExit(writeOutAgain(process, receiver)), limits);
    } finally {
      await domain.destroy();
      await receiver.close();
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
