import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { watchFolder } from "./watch-folder.ts";

describe("A watched folder", () => {
  let folder = "";
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "tidepool-watch-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("tells of each save, also of one that replaces the file, and of new folders", async () => {
    await writeFile(join(folder, "a.js"), "1");
    const ended = new AbortController();
    const changes = watchFolder(folder, ended.signal);
    const save = [
      () => writeFile(join(folder, "a.js"), "2"),
      async () => {
        await writeFile(join(folder, "a.js~"), "3");
        await rename(join(folder, "a.js~"), join(folder, "a.js"));
      },
      () => writeFile(join(folder, "a.js"), "4"),
      () => mkdir(join(folder, "b")),
      () => writeFile(join(folder, "b/c.js"), "5"),
    ];
    for (const step of save) {
      const next = changes.next();
      // The watch begins a moment after it was asked for: a save is repeated until it is told.
      const again = setInterval(() => void step().catch(() => {}), 250);
      await next;
      clearInterval(again);
    }
    ended.abort();
    assert.equal((await changes.next()).done, true);
  });

  it("says nothing of what editors and package managers leave beside the code", async () => {
    await mkdir(join(folder, "node_modules"));
    const ended = new AbortController();
    const changes = watchFolder(folder, ended.signal);
    let told = 0;
    const counted = (async () => {
      for await (const _ of changes) told += 1;
    })();
    const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 250));
    for (let save = 0; told === 0; save += 1) {
      await writeFile(join(folder, "a.js"), String(save));
      await tick();
    }
    // The last save may be told still.
    let before = 0;
    while (before !== told) {
      before = told;
      await tick();
    }
    await writeFile(join(folder, ".a.js.swp"), "");
    await writeFile(join(folder, "node_modules/x.js"), "");
    await tick();
    ended.abort();
    await counted;
    assert.equal(told, before);
  });
});
