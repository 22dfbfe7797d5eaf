import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Template } from "../hypervisor/hypervisor.ts";
import { AfterInitTemplates } from "./after-init-templates.ts";
import type { Making } from "./after-init-templates.ts";
import type { Machine } from "./machine.ts";
import { TemplateStore } from "./template-store.ts";

const base: Template = { config: { runtime: "nodejs20", memoryMib: 128 }, id: "base" };

describe("AfterInitTemplates", () => {
  let dir: string;
  let folder: string;
  let machine: Machine;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-after-init-"));
    folder = join(dir, "templates");
    await writeFile(join(dir, "ram"), "of the base");
    const files = { kernelPath: "", initrdPath: "", rootfsPath: "", logPath: "", hash: "" };
    machine = { accelerator: "tcg", image: files, config: base.config, tscKhz: 1 };
  });
  afterEach(() => rm(dir, { recursive: true }));

  const open = (): AfterInitTemplates =>
    new AfterInitTemplates({
      folder,
      store: new TemplateStore(folder),
      machineOf: () => machine,
      openBase: async () => ({ ramPath: join(dir, "ram"), statePath: join(dir, "state") }),
      freeze: async ({ files, prepare }: Making) => {
        await prepare(undefined as never);
        await writeFile(files.statePath, "saved");
      },
    });
  const ready = async (): Promise<void> => {};

  it("begin with a copy of the base's memory, and go when they are removed", async () => {
    const templates = open();
    const made = await templates.make(base, ready);
    assert.deepEqual([made.bootId, templates.machineOf(made)], ["base", machine]);
    const { ramPath } = await templates.open(made);
    assert.equal(await readFile(ramPath, "utf8"), "of the base");
    await templates.remove(made);
    await assert.rejects(templates.open(made), { code: "notFound" });
    assert.equal(templates.machineOf(made), undefined);
  });

  it("leave nothing where the function cannot be prepared", async () => {
    const templates = open();
    const failing = templates.make(base, () => Promise.reject(new Error("not ready")));
    await assert.rejects(failing, /not ready/);
    assert.deepEqual(await readdir(folder), []);
  });

  it("of a process that was killed go when the next one makes its first", async () => {
    await open().make(base, ready);
    const next = open();
    const first = await next.make(base, ready);
    const second = await next.make(base, ready);
    assert.deepEqual((await readdir(folder)).sort(), [first.id, second.id].sort());
  });
});
