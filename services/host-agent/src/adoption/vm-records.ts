/**
 * What the next host-agent must know of a VM that waits, paused, to take it over: a file each, written when
 * the VM is paused and replaced as a whole. A record may tell fewer calls than its VM has had, but never less of
 * its owner: one that names none is gone before code is loaded. No secret's value is in it.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { Template } from "../hypervisor/hypervisor.ts";
import type { ForecastWindow, OwnedFunction } from "../vm/owned-function.ts";

export interface VmRecord {
  readonly vmId: string;
  readonly template: Template;
  /** Absent: it waits in the pool. */
  readonly owner?: {
    readonly owned: OwnedFunction;
    readonly window?: ForecastWindow;
    /** The last that it was given for. */
    readonly assignmentId?: string;
    readonly keepUntilMs: number;
    readonly callCount: number;
  };
}

/** Of the files; a reader that does not know it adopts nothing. */
const format = 1;

export class VmRecords {
  private readonly dir: string;
  private readonly logger: Logger;
  /** Writes of one VM come one after the other. */
  private readonly writing = new Map<string, Promise<void>>();

  constructor(dir: string, logger: Logger) {
    this.dir = dir;
    this.logger = logger;
  }

  /** Those that can be read; the others go, as their VMs do. */
  async load(): Promise<ReadonlyMap<string, VmRecord>> {
    const records = new Map<string, VmRecord>();
    const names = await readdir(this.dir).catch(() => []); // no VM was ever paused here
    for (const name of names) {
      const record = name.endsWith(".json") ? await this.read(name) : undefined; // its writer has gone
      if (record === undefined) await rm(join(this.dir, name), { force: true });
      else records.set(record.vmId, record);
    }
    return records;
  }

  /** Without it the VM is not adopted: that is all that a full disk costs. */
  save(record: VmRecord): void {
    const { vmId } = record;
    this.queue(vmId, async () => {
      const path = this.pathOf(vmId);
      await mkdir(this.dir, { recursive: true, mode: 0o700 });
      await writeFile(`${path}.new`, JSON.stringify({ format, record }), { mode: 0o600 });
      await rename(`${path}.new`, path);
    });
  }

  /** Resolves when the record is gone, whatever was begun before. @throws when it cannot be removed */
  async remove(vmId: string): Promise<void> {
    await this.writing.get(vmId);
    await rm(this.pathOf(vmId), { force: true });
  }

  /** Resolves when all that was begun is done. */
  async settled(): Promise<void> {
    await Promise.all(this.writing.values());
  }

  private async read(name: string): Promise<VmRecord | undefined> {
    try {
      const text = await readFile(join(this.dir, name), "utf8");
      const stored = JSON.parse(text) as { format?: unknown; record?: VmRecord };
      return stored.format === format ? stored.record : undefined;
    } catch (error) {
      this.logger.warn("record of a VM cannot be read", { name, error: messageOf(error) });
      return undefined;
    }
  }

  private queue(vmId: string, work: () => Promise<void>): void {
    const before = this.writing.get(vmId) ?? Promise.resolve();
    const done = before.then(work).catch((error: unknown) => {
      this.logger.warn("record of a VM not written", { vmId, error: messageOf(error) });
    });
    this.writing.set(vmId, done);
    void done.then(() => {
      if (this.writing.get(vmId) === done) this.writing.delete(vmId);
    });
  }

  private pathOf(vmId: string): string {
    return join(this.dir, `${vmId}.json`);
  }
}
