import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noteUse, pruneCache } from "./cache-folder.ts";

const entry = (digit: string): string => digit.repeat(32);
const hourMs = 60 * 60 * 1000;
const limits = { entriesMaxCount: 2, unusedMaxMs: 10 * hourMs };

describe("pruneCache", () => {
  let root: string;
  let folder: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "tidepool-prune-"));
    folder = join(root, "images");
    await mkdir(folder);
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  async function make(name: string, ageHours: number): Promise<void> {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "file"), "");
    const then = (Date.now() - ageHours * hourMs) / 1000;
    await utimes(join(folder, name), then, then);
  }

  /** As a process that has ended, or lives on, notes it. */
  async function noteAs(name: string, pid: number): Promise<void> {
    await mkdir(`${folder}.uses`, { recursive: true });
    await writeFile(join(`${folder}.uses`, `${name}.${pid}`), "");
  }

  it("keeps the newest by last use, and no more than the limit", async () => {
    for (const [name, age] of [["a", 1] as const, ["b", 3] as const, ["c", 2] as const]) {
      await make(entry(name), age);
    }
    assert.deepEqual(await pruneCache(folder, limits), [entry("b")]);
    assert.deepEqual((await readdir(folder)).sort(), [entry("a"), entry("c")]);
  });

  it("removes what has not been used for longer than the limit", async () => {
    await make(entry("a"), 11);
    assert.deepEqual(await pruneCache(folder, limits), [entry("a")]);
  });

  it("counts a use as new, however old the entry is", async () => {
    await make(entry("a"), 11);
    await noteUse(folder, entry("a"));
    assert.deepEqual(await pruneCache(folder, limits), []);
  });

  it("never removes what a living process uses, and does when that has ended", async () => {
    await make(entry("a"), 11);
    const user = spawn("sleep", ["60"]);
    await noteAs(entry("a"), user.pid ?? 0);
    assert.deepEqual(await pruneCache(folder, limits), []);
    user.kill();
    await once(user, "exit");
    assert.deepEqual(await pruneCache(folder, limits), [entry("a")]);
    assert.deepEqual(await readdir(`${folder}.uses`), []);
  });

  it("clears what a killed process left half made, once it is old, and nothing else", async () => {
    await make(`${entry("a")}.new-x`, 2);
    await make(`${entry("b")}.new-x`, 0);
    await make("something-else", 100);
    await pruneCache(folder, limits);
    assert.deepEqual((await readdir(folder)).sort(), [`${entry("b")}.new-x`, "something-else"]);
  });

  it("may run in several processes at once", async () => {
    for (const digit of "abcdef") await make(entry(digit), 1);
    const removed = await Promise.all([pruneCache(folder, limits), pruneCache(folder, limits)]);
    assert.equal(removed.flat().length, 4);
    assert.equal((await readdir(folder)).length, 2);
  });
});
