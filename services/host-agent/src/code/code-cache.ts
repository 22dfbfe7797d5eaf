/**
 * Code on this host's disk, by digest. What is on disk is never trusted: its digest is checked at each load,
 * and a file that is not what its name says is fetched again. Concurrent loads of one digest share the fetch.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import type { CodeFile } from "../guest/session.ts";
import type { CodeSource } from "../ports.ts";
import { unzip } from "./unzip.ts";
import { orAborted } from "../within.ts";

/** All code together; what was used longest ago goes first. */
export const codeCacheMaxBytes = 2 * 1024 * 1024 * 1024;
/** One zip. */
export const codeMaxBytes = 50 * 1024 * 1024;

export interface CodeCacheOptions {
  readonly dir: string;
  readonly source: CodeSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxBytes?: number;
}

export class CodeCache {
  private readonly options: CodeCacheOptions;
  private readonly maxBytes: number;
  /** Digests on disk, those used last at the end. */
  private readonly used = new Set<string>();
  private readonly fetching = new Map<string, Promise<Buffer>>();

  constructor(options: CodeCacheOptions) {
    this.options = options;
    this.maxBytes = options.maxBytes ?? codeCacheMaxBytes;
  }

  /** Finds what an earlier process left on disk. */
  async open(): Promise<void> {
    const kept = await this.kept().catch(() => []); // no folder yet
    kept.sort((a, b) => a.usedAtMs - b.usedAtMs);
    for (const { name } of kept) if (/^[0-9a-f]{64}$/.test(name)) this.used.add(name);
  }

  /** Of code on disk, those used last first. */
  digests(countMax: number): readonly string[] {
    return [...this.used].slice(-countMax).reverse();
  }

  /**
   * The files of the code with this digest (64 hex digits).
   * @throws TidepoolError `notFound`, `unavailable`, `invalid`, `tooLarge`
   */
  async files(digest: string, signal: AbortSignal): Promise<readonly CodeFile[]> {
    return unzip((await this.fromDisk(digest)) ?? (await this.fetched(digest, signal)));
  }

  private async fromDisk(digest: string): Promise<Buffer | undefined> {
    const path = join(this.options.dir, digest);
    let zip: Buffer;
    try {
      zip = await readFile(path);
    } catch {
      this.used.delete(digest);
      return undefined; // not there yet
    }
    if (digestOf(zip) !== digest) {
      this.options.logger.warn("code on disk is damaged", { digest });
      return undefined;
    }
    this.noteUsed(digest);
    const now = new Date(this.options.clock.nowMs());
    await utimes(path, now, now).catch(() => {}); // may have been evicted just now
    return zip;
  }

  private fetched(digest: string, signal: AbortSignal): Promise<Buffer> {
    const shared = this.fetching.get(digest) ?? this.fetch(digest);
    this.fetching.set(digest, shared);
    return orAborted(shared, signal);
  }

  /** Not bound to one caller's signal: others wait for it too. */
  private async fetch(digest: string): Promise<Buffer> {
    try {
      const zip = Buffer.from(await this.options.source.fetch(digest, codeMaxBytes));
      if (digestOf(zip) !== digest) {
        throw damagedCode(digest);
      }
      await this.keep(digest, zip);
      return zip;
    } finally {
      this.fetching.delete(digest);
    }
  }

  /** A full disk costs speed, not the call. */
  private async keep(digest: string, zip: Buffer): Promise<void> {
    const { dir, logger } = this.options;
    const partial = join(dir, `.${digest}.${randomBytes(4).toString("hex")}`);
    try {
      await mkdir(dir, { recursive: true });
      await writeFile(partial, zip);
      await rename(partial, join(dir, digest));
      this.noteUsed(digest);
      await this.evict();
    } catch (error) {
      logger.warn("code not kept on disk", { digest, error: messageOf(error) });
      await rm(partial, { force: true });
    }
  }

  private async evict(): Promise<void> {
    for (const name of chooseCodeToEvict(await this.kept(), this.maxBytes)) {
      await rm(join(this.options.dir, name), { force: true });
      this.used.delete(name);
    }
  }

  private async kept(): Promise<KeptCode[]> {
    const { dir } = this.options;
    return Promise.all(
      (await readdir(dir)).map(async (name) => {
        const { size, mtimeMs } = await stat(join(dir, name));
        return { name, size, usedAtMs: mtimeMs };
      }),
    );
  }

  private noteUsed(digest: string): void {
    this.used.delete(digest);
    this.used.add(digest);
  }
}

export function damagedCode(digest: string, cause?: unknown): TidepoolError {
  return new TidepoolError("unavailable", `code ${digest} is damaged in the store`, {
    cause,
    reason: "codeDamaged",
  });
}

interface KeptCode {
  readonly name: string;
  readonly size: number;
  readonly usedAtMs: number;
}

/** The files to remove, used longest ago first, so that the others fit. Pure. */
export function chooseCodeToEvict(kept: readonly KeptCode[], maxBytes: number): readonly string[] {
  let bytes = kept.reduce((sum, { size }) => sum + size, 0);
  const evicted: string[] = [];
  for (const { name, size } of [...kept].sort((a, b) => a.usedAtMs - b.usedAtMs)) {
    if (bytes <= maxBytes) break;
    bytes -= size;
    evicted.push(name);
  }
  return evicted;
}

export const digestOf = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");
