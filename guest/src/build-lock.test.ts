import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withLock } from "./build-lock.ts";

describe("withLock", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-lock-"));
    path = join(folder, "image.lock");
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it("lets one work at a time, and tells the others who does", async () => {
    let inside = 0;
    const waitedFor: number[] = [];
    const work = async (): Promise<void> => {
      inside += 1;
      assert.equal(inside, 1);
      await sleep(20);
      inside -= 1;
    };
    const onWait = (pid: number): unknown => waitedFor.push(pid);
    const options = { onWait: (pid: number): void => void onWait(pid) };
    await Promise.all([withLock(path, options, work), withLock(path, options, work)]);
    assert.deepEqual(waitedFor, [process.pid]);
  });

  it("takes over from a process that is gone", async () => {
    const { pid } = spawnSync("true");
    await writeFile(path, `${pid}\n`);
    assert.equal(await withLock(path, {}, () => Promise.resolve("done")), "done");
  });

  it("is free again after work that failed", async () => {
    const failing = withLock(path, {}, () => Promise.reject(new Error("disk full")));
    await assert.rejects(failing, /disk full/);
    assert.deepEqual(await readdir(folder), []);
  });
});
