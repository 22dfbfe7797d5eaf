import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { checkHandler, readCode } from "./archive.ts";
import { bundleTypeScript } from "./typescript.ts";

describe("A handler in TypeScript", () => {
  let folder = "";
  before(async () => (folder = await mkdtemp(join(tmpdir(), "tidepool-typescript-"))));
  after(() => rm(folder, { recursive: true, force: true }));

  async function project(files: Readonly<Record<string, string>>): Promise<string> {
    const root = await mkdtemp(join(folder, "p-"));
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, name)), { recursive: true });
      await writeFile(join(root, name), text);
    }
    return root;
  }

  it("is bundled with what it imports, and its sources stay behind", async () => {
    const root = await project({
      "index.ts":
        'import { twice } from "./twice.ts";\nexport const handler = (n: number): number => twice(n);',
      "twice.ts": "export const twice = (n: number): number => 2 * n;",
      "words.txt": "tide",
      "package.json": "{}",
      "node_modules/left/index.js": "",
    });
    const archive = await readCode(root, "index.handler");
    assert.deepEqual(archive.files.toSorted(), ["index.mjs", "words.txt"]);
    checkHandler("index.handler", archive, root);
    const bundled = await bundleTypeScript(root, "index.handler");
    const path = join(root, "bundled.mjs");
    await writeFile(path, bundled?.content ?? "");
    const module = (await import(path)) as { handler: (n: number) => number };
    assert.equal(module.handler(21), 42);
  });

  it("gives the same zip for the same sources", async () => {
    const root = await project({ "index.ts": "export const handler = () => 1;" });
    const { zip } = await readCode(root, "index.handler");
    assert.deepEqual((await readCode(root, "index.handler")).zip, zip);
  });

  it("is left alone where a module of that name is there, and where there is no TypeScript", async () => {
    const root = await project({
      "index.ts": "export const handler = 1;",
      "index.mjs": "",
      "a.js": "",
    });
    assert.equal(await bundleTypeScript(root, "index.handler"), undefined);
    assert.equal(await bundleTypeScript(root, "a.handler"), undefined);
  });

  it("names file, line and column of what cannot be built", async () => {
    const root = await project({
      "index.ts": 'import "./none.ts";\nexport const handler = () => 1;',
    });
    await assert.rejects(readCode(root, "index.handler"), {
      code: "invalid",
      message: /index\.ts cannot be built\nindex\.ts:1:8 Could not resolve/,
    });
  });
});
