import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
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
    let begun: () => void = () => {};
    const hasBegun = new Promise<void>((resolve) => (begun = resolve));
    let told: () => void = () => {};
    const isTold = new Promise<void>((resolve) => (told = resolve));
    const work = async (): Promise<void> => {
      inside += 1;
      assert.equal(inside, 1);
      begun();
      await isTold;
      inside -= 1;
    };
    const onWait = (pid: number): void => {
      waitedFor.push(pid);
      told();
    };
    const first = withLock(path, { onWait }, work);
    await hasBegun;
    await Promise.all([first, withLock(path, { onWait }, work)]);
    assert.deepEqual(waitedFor, [process.pid]);
  });

  it("tells of nobody who has not written yet who it is, and does not wait for one that was killed then", async () => {
    const waitedFor: number[] = [];
    await writeFile(path, "");
    const waiting = withLock(path, { onWait: (pid) => void waitedFor.push(pid) }, () =>
      Promise.resolve("done"),
    );
    await sleep(50);
    await utimes(path, 0, 0);
    assert.equal(await waiting, "done");
    assert.deepEqual(waitedFor, []);
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
