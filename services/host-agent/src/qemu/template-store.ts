/**
 * Templates on disk: for each id a folder with the guest's memory (mapped copy-on-write by every clone),
 * the rest of the machine's state, and a record of both. Folders appear by rename, complete or not at all.
 *
 * QEMU creates a missing memory file silently and would then boot from nothing, and a memory file that was
 * written to would make every later clone wrong: so both files are compared with the record, change time
 * included, before each clone. Templates of earlier versions go when a new one is made.
 */
import { constants } from "node:fs";
import {
  chmod,
  chown,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { ensureFolder, TidepoolError } from "@tidepool/common";
import { cacheLimits, noteUse, pruneCache } from "@tidepool/guest";

const recordFile = "template.json";
/** There is one for each runtime, memory and number of CPUs. */
export const templateLimits = { ...cacheLimits, entriesMaxCount: 12 };

export interface TemplateFiles {
  readonly ramPath: string;
  readonly statePath: string;
}

interface FileRecord {
  readonly bytes: number;
  readonly changedAtNs: string;
}

interface TemplateRecord {
  readonly ram: FileRecord;
  readonly state: FileRecord;
}

export interface TemplateStoreOptions {
  /**
   * Permissions of a frozen memory file. QEMU 7.2 opens it for writing, though it maps it copy-on-write, so
   * whoever runs the clones must be allowed to; that nobody did is what open() confirms.
   */
  readonly ramMode?: number;
  /** Its group. Absent: as it was made. */
  readonly ramGid?: number | undefined;
}

export class TemplateStore {
  readonly #folder: string;
  readonly #ramMode: number;
  readonly #ramGid: number | undefined;

  constructor(folder: string, options: TemplateStoreOptions = {}) {
    this.#folder = folder;
    this.#ramMode = options.ramMode ?? 0o600;
    this.#ramGid = options.ramGid;
  }

  /** @throws TidepoolError `notFound` when there is none, or it is not as it was frozen */
  async open(id: string): Promise<TemplateFiles> {
    await noteUse(this.#folder, id);
    const files = filesIn(join(this.#folder, id));
    let record: TemplateRecord;
    try {
      const text = await readFile(join(this.#folder, id, recordFile), "utf8");
      record = JSON.parse(text) as TemplateRecord;
    } catch (thrown) {
      throw new TidepoolError("notFound", `no template ${id} on this host`, { cause: thrown });
    }
    await confirm(files.ramPath, record.ram, id);
    await confirm(files.statePath, record.state, id);
    return files;
  }

  /** `make` fills the two files; they are kept when it resolves. */
  async create(id: string, make: (files: TemplateFiles) => Promise<void>): Promise<void> {
    await ensureFolder(this.#folder, 0o700);
    const folder = await mkdtemp(join(this.#folder, `${id}.new-`));
    try {
      const files = filesIn(folder);
      await make(files);
      const record: TemplateRecord = {
        ram: await seal(files.ramPath, this.#ramMode, this.#ramGid),
        state: await seal(files.statePath, 0o400),
      };
      await writeFile(join(folder, recordFile), JSON.stringify(record, null, 2));
      await this.#publish(folder, id);
      await pruneCache(this.#folder, templateLimits);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Idempotent. A process that has mapped the memory keeps it. */
  async remove(id: string): Promise<void> {
    await rm(join(this.#folder, id), { recursive: true, force: true });
  }

  /** Another process may have made the same template meanwhile: then that one stays. */
  async #publish(folder: string, id: string): Promise<void> {
    const target = join(this.#folder, id);
    if (await this.#has(id)) return;
    await rm(target, { recursive: true, force: true });
    try {
      await rename(folder, target);
    } catch (thrown) {
      if (!(await this.#has(id))) throw thrown;
    }
  }

  #has(id: string): Promise<boolean> {
    return this.open(id).then(
      () => true,
      () => false,
    );
  }
}

function filesIn(folder: string): TemplateFiles {
  return { ramPath: join(folder, "ram"), statePath: join(folder, "state") };
}

/** Durable, and with its final permissions: changing them later would look like a change of the file. */
async function seal(path: string, mode: number, gid?: number): Promise<FileRecord> {
  const file = await open(path, constants.O_RDWR);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  if (gid !== undefined) await chown(path, (await stat(path)).uid, gid);
  await chmod(path, mode);
  return recordOf(path);
}

async function recordOf(path: string): Promise<FileRecord> {
  const { size, ctimeNs } = await stat(path, { bigint: true });
  return { bytes: Number(size), changedAtNs: String(ctimeNs) };
}

async function confirm(path: string, record: FileRecord, id: string): Promise<void> {
  const found = await recordOf(path).catch(() => undefined);
  if (found?.bytes === record.bytes && found.changedAtNs === record.changedAtNs) return;
  throw new TidepoolError(
    "notFound",
    `template ${id} is not as it was frozen: ${path} has changed`,
  );
}
