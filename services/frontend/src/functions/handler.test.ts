import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readManifest } from "@tidepool/guest/runtimes";
import type * as handlerModule from "./handler.ts";

type HandlerModule = typeof handlerModule;

describe("A runtime that is added to guest/runtimes", () => {
  it("is one that functions may have, with handlers as its manifest has them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tidepool-runtimes-"));
    try {
      const { handler, ...manifest } = readManifest("nodejs20");
      const toy = { ...manifest, name: "toy", handler: { ...handler, files: ["{module}.toy"] } };
      await mkdir(join(folder, "toy"));
      await writeFile(join(folder, "toy", "manifest.json"), JSON.stringify(toy));
      process.env["TIDEPOOL_RUNTIMES_DIR"] = folder;
      const anew = new URL("handler.ts?anew", import.meta.url).href;
      const { runtimes, filesOfHandler } = (await import(anew)) as HandlerModule;
      assert.deepEqual(runtimes, ["toy"]);
      assert.deepEqual(filesOfHandler("toy", "index.handler"), ["index.toy"]);
    } finally {
      delete process.env["TIDEPOOL_RUNTIMES_DIR"];
      await rm(folder, { recursive: true });
    }
  });
});
