/**
 * A cache folder that does not grow for ever: images and templates of earlier versions go when newer ones
 * are made. Each entry is a folder; what is used, by which process and when last, is noted beside the cache
 * in `<folder>.uses/`: `<entry>.last` and `<entry>.<process id>`. An entry that a living process has noted
 * stays.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isAlive, withLock } from "./build-lock.ts";

export interface CacheLimits {
  /** The newest by last use stay, the others go. */
  readonly entriesMaxCount: number;
  /** What has not been used for so long goes in any case. */
  readonly unusedMaxMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;
export const cacheLimits: CacheLimits = { entriesMaxCount: 4, unusedMaxMs: 14 * dayMs };

/** What a process that was killed left half made, and what is being removed, bears more than a hash. */
const entryName = /^[0-9a-f]{32}$/;
const leftoverName = /^[0-9a-f]{32}\.(new|removing)-/;
const leftoverMaxMs = 60 * 60 * 1000;

const noted = new Set<string>();

/** To be called before an entry is looked at: from then on it stays while this process lives. */
export async function noteUse(folder: string, entry: string): Promise<void> {
  const key = join(folder, entry);
  if (noted.has(key)) return;
  await locked(folder, async (uses) => {
    await writeFile(join(uses, `${entry}.last`), "");
    await writeFile(join(uses, `${entry}.${String(process.pid)}`), "");
  });
  noted.add(key);
}

/** @returns the entries that were removed */
export async function pruneCache(
  folder: string,
  limits: CacheLimits = cacheLimits,
): Promise<string[]> {
  const removed = await locked(folder, async (uses) => {
    const names = await readdir(folder);
    const entries = await Promise.all(
      names.filter((name) => entryName.test(name)).map((name) => readUse(folder, uses, name)),
    );
    entries.sort((a, b) => b.lastMs - a.lastMs);
    const oldestMs = Date.now() - limits.unusedMaxMs;
    const isKept = (use: Use, index: number): boolean =>
      use.isNow || (index < limits.entriesMaxCount && use.lastMs >= oldestMs);
    const gone = entries.filter((use, index) => !isKept(use, index)).map(({ name }) => name);
    for (const name of gone) await rename(join(folder, name), join(folder, `${name}.removing-`));
    await forget(
      uses,
      entries.map(({ name }) => name).filter((name) => !gone.includes(name)),
    );
    return gone;
  });
  for (const name of await readdir(folder)) {
    if (!leftoverName.test(name)) continue;
    const path = join(folder, name);
    const isOurs = removed.some((entry) => name === `${entry}.removing-`);
    if (isOurs || (await ageMs(path)) > leftoverMaxMs) await rm(path, { recursive: true });
  }
  return removed;
}

interface Use {
  readonly name: string;
  readonly lastMs: number;
  readonly isNow: boolean;
}

async function readUse(folder: string, uses: string, name: string): Promise<Use> {
  const last = await stat(join(uses, `${name}.last`)).catch(() => stat(join(folder, name)));
  const pids = (await readdir(uses))
    .filter((note) => note.startsWith(`${name}.`))
    .map((note) => Number(note.slice(name.length + 1)));
  return { name, lastMs: last.mtimeMs, isNow: pids.some((pid) => pid > 0 && isAlive(pid)) };
}

/** Notes of entries that are gone, and of processes that are. */
async function forget(uses: string, kept: readonly string[]): Promise<void> {
  for (const note of await readdir(uses)) {
    const dot = note.indexOf(".");
    const pid = Number(note.slice(dot + 1));
    const isOfUse = kept.includes(note.slice(0, dot)) && (Number.isNaN(pid) || isAlive(pid));
    if (!isOfUse && note !== lockFile) await rm(join(uses, note), { force: true });
  }
}

const lockFile = "lock";

async function locked<T>(folder: string, work: (uses: string) => Promise<T>): Promise<T> {
  const uses = join(dirname(folder), `${basename(folder)}.uses`);
  await mkdir(uses, { recursive: true, mode: 0o700 });
  return withLock(join(uses, lockFile), {}, () => work(uses));
}

async function ageMs(path: string): Promise<number> {
  return Date.now() - (await stat(path)).mtimeMs;
}
