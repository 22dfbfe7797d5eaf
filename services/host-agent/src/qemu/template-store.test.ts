import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TemplateStore } from "./template-store.ts";
import type { TemplateFiles } from "./template-store.ts";

describe("TemplateStore", () => {
  let parent: string;
  let folder: string;
  let store: TemplateStore;
  beforeEach(async () => {
    // What is in use is noted beside the folder.
    parent = await mkdtemp(join(tmpdir(), "tidepool-templates-"));
    folder = join(parent, "templates");
    await mkdir(folder);
    store = new TemplateStore(folder);
  });
  afterEach(async () => {
    await rm(parent, { recursive: true });
  });
  const fill = async (files: TemplateFiles): Promise<void> => {
    await writeFile(files.ramPath, "ram");
    await writeFile(files.statePath, "state");
  };

  it("opens what it created", async () => {
    await store.create("t", fill);
    assert.deepEqual(await store.open("t"), {
      ramPath: join(folder, "t", "ram"),
      statePath: join(folder, "t", "state"),
    });
  });

  it("keeps nothing of a template that could not be made", async () => {
    const broken = store.create("t", () => Promise.reject(new Error("no boot")));
    await assert.rejects(broken, /no boot/);
    assert.deepEqual(await readdir(folder), []);
  });

  const damages: [string, (ramPath: string) => Promise<void>][] = [
    ["missing", (path) => rm(path)],
    ["cut short", (path) => truncate(path, 1)],
    ["written to, at the same size", (path) => writeFile(path, "RAM")],
  ];
  for (const [what, damage] of damages) {
    it(`does not open one whose memory is ${what}, and makes it anew`, async () => {
      await store.create("t", fill);
      await damage(join(folder, "t", "ram"));
      await assert.rejects(store.open("t"), { code: "notFound", message: /not as it was frozen/ });
      await store.create("t", fill);
      await store.open("t");
    });
  }

  it("keeps the first of two that were made at the same time", async () => {
    await Promise.all([store.create("t", fill), new TemplateStore(folder).create("t", fill)]);
    await store.open("t");
    assert.deepEqual(await readdir(folder), ["t"]);
  });
});
