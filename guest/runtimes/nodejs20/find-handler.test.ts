import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findHandler, splitHandler } from "./find-handler.ts";

describe("splitHandler", () => {
  const good: [string, string, string[]][] = [
    ["index.handler", "index", ["handler"]],
    ["src/api.handler", "src/api", ["handler"]],
    ["a.b/c.handler", "a.b/c", ["handler"]],
    ["index.api.handle", "index", ["api", "handle"]],
  ];
  for (const [handler, module, exportPath] of good) {
    it(`takes ${handler} apart`, () => {
      assert.deepEqual(splitHandler(handler), { module, exportPath });
    });
  }
  for (const handler of ["index", "", ".handler", "index.", "a.b/index"]) {
    it(`refuses '${handler}'`, () => {
      assert.throws(() => splitHandler(handler), /is not of the form 'file\.export'/);
    });
  }
});

describe("findHandler", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-handler-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it("refuses an export that is no function, and says what it is", async () => {
    await writeFile(join(folder, "index.mjs"), "export const handler = 5");
    await assert.rejects(findHandler(folder, "index.handler"), /is no function but of type number/);
  });

  it("lists what a module exports when the wanted is missing", async () => {
    await writeFile(join(folder, "index.cjs"), "module.exports = { b: 1, a: 2 }");
    await assert.rejects(findHandler(folder, "index.handler"), /it exports: a, b$/);
  });

  it("says which files it looked for", async () => {
    await assert.rejects(
      findHandler(folder, "index.handler"),
      /'index' not found in the code \(looked for index\.js, index\.mjs, index\.cjs\)/,
    );
  });
});
