/**
 * A runtime that nobody has heard of: a folder with a manifest, and nothing else. It must come into an image, be
 * started by init with its own environment, and run a function. It is Python's under another name, with handlers
 * of another form.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readManifest } from "@tidepool/guest";
import { GuestHarness, invoke } from "../testing/guest-harness.ts";

const runtimesFolder = fileURLToPath(new URL("../../../../guest/runtimes", import.meta.url));

describe("a runtime that is a folder more", function () {
  this.timeout(400_000); // it has an image of its own
  const outside = { ...process.env };
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-added-"));
    const toy = join(folder, "runtimes", "toy1.0");
    const manifest = readManifest("python3.11");
    await cp(join(runtimesFolder, "python3.11"), toy, { recursive: true });
    await writeFile(
      join(toy, "manifest.json"),
      JSON.stringify({
        ...manifest,
        name: "toy1.0",
        title: "Toy 1",
        environment: { TOY_COLOUR: "red" },
        handler: {
          form: "module:function",
          example: "index:handler",
          pattern: "^(?<module>\\w+):\\w+$",
          files: ["{module}.py"],
        },
      }),
    );
    for (const name of ["find_handler.py", "rehearsal.py"]) {
      const source = await readFile(join(toy, name), "utf8");
      const changed = source.replace('rpartition(".")', 'rpartition(":")');
      await writeFile(join(toy, name), changed.replace("{_MODULE}.handler", "{_MODULE}:handler"));
    }
    process.env["TIDEPOOL_RUNTIMES_DIR"] = join(folder, "runtimes");
    process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  });
  after(async () => {
    for (const name of ["TIDEPOOL_RUNTIMES_DIR", "XDG_CACHE_HOME"]) {
      if (outside[name] === undefined) delete process.env[name];
      else process.env[name] = outside[name];
    }
    await rm(folder, { recursive: true, force: true });
  });

  it("runs a function, with handlers and variables as its manifest has them", async () => {
    const guests = await GuestHarness.open({ runtime: "toy1.0", memoryMib: 128 });
    try {
      const source = "import os\ndef run(event, context): return [event, os.environ['TOY_COLOUR']]";
      const session = await guests.load({ "main.py": source }, { handler: "main:run" });
      assert.deepEqual(await invoke(session, 1), [1, "red"]);
    } finally {
      await guests.close();
    }
  });
});
