/**
 * Fences a shard's commands: a scheduler that has lost its lease may still be talking. The newest epoch seen
 * of a shard is kept; anything older is refused, also by the next process of this host: a newer epoch is in its
 * file before the first command that bears it is obeyed.
 *
 * Epochs count within one bucket of leases. In another, as after a restore to empty servers, they begin again, and
 * what was seen before says nothing.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";

/** Its owner tells all hosts their warming targets. */
export const targetsShard = 0;

/** Of the file; another one's is as if it were not there. */
const format = 1;

interface StoredEpochs {
  readonly format: number;
  readonly leases: string;
  readonly epochs: Readonly<Record<string, number>>;
}

export class Epochs {
  private readonly path: string;
  private readonly logger: Logger;
  private newest = new Map<number, number>();
  private leases = "";

  constructor(path: string, logger: Logger) {
    this.path = path;
    this.logger = logger;
  }

  /**
   * Takes over what an earlier process has seen. To be called before anything is obeyed.
   * @param leases what tells this bucket of leases from one that is made after it
   */
  load(leases: string): void {
    this.leases = leases;
    const stored = this.read();
    if (stored?.format !== format || stored.leases !== leases) return;
    this.newest = new Map(Object.entries(stored.epochs).map(([key, each]) => [Number(key), each]));
  }

  /** @throws TidepoolError `stale` */
  check(shard: number, epoch: number): void {
    if (this.accepts(shard, epoch)) return;
    const seen = this.newest.get(shard) ?? 0;
    const text = `shard ${shard} is at epoch ${seen}, this command has ${epoch}`;
    throw new TidepoolError("stale", text);
  }

  /** Whether it is not an older one than was seen. */
  accepts(shard: number, epoch: number): boolean {
    const seen = this.newest.get(shard) ?? 0;
    if (epoch < seen) return false;
    if (epoch > seen) {
      this.newest.set(shard, epoch);
      this.save();
    }
    return true;
  }

  private read(): StoredEpochs | undefined {
    try {
      return JSON.parse(readFileSync(this.path, "utf8")) as StoredEpochs;
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
      if (!isAbsent) {
        this.logger.warn("epochs of shards cannot be read", { error: messageOf(error) });
      }
      return undefined;
    }
  }

  /** At once, and rarely: a shard's epoch grows when its owner changes. */
  private save(): void {
    const epochs = Object.fromEntries(this.newest);
    const stored: StoredEpochs = { format, leases: this.leases, epochs };
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.path}.new`, JSON.stringify(stored), { mode: 0o600 });
      renameSync(`${this.path}.new`, this.path);
    } catch (error) {
      this.logger.warn("epochs of shards not written", { error: messageOf(error) });
    }
  }
}
