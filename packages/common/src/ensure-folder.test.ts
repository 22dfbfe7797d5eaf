import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureFolder } from "./ensure-folder.ts";

describe("ensureFolder", () => {
  let folder = "";
  before(async () => (folder = await mkdtemp(join(tmpdir(), "tidepool-folder-"))));
  after(() => rm(folder, { recursive: true, force: true }));

  it("makes a folder with those above it, and leaves one that is there", async () => {
    const path = join(folder, "a", "b", "c");
    await Promise.all([ensureFolder(path, 0o700), ensureFolder(path, 0o700)]);
    await ensureFolder(path, 0o700);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  it("says that none can be made below a file, or where the system takes none", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await assert.rejects(ensureFolder(file), { code: "EEXIST" });
    await assert.rejects(ensureFolder(join(file, "a")), { code: "ENOTDIR" });
    await assert.rejects(ensureFolder("/proc/none/of/these"), { code: "ENOENT" });
  });
});
