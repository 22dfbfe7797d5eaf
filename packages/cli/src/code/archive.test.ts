import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkHandler, codeName, readCode, zipBytesMax } from "./archive.ts";

describe("Code for upload", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-archive-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const put = async (name: string, content = "x"): Promise<void> => {
    await mkdir(join(folder, "code", name, ".."), { recursive: true });
    await writeFile(join(folder, "code", name), content);
  };
  const code = (): string => join(folder, "code");

  it("takes a folder with its node_modules, without .git", async () => {
    await put("index.mjs");
    await put("node_modules/a/index.js");
    await put(".git/HEAD");
    const archive = await readCode(code());
    assert.deepEqual(archive.files, ["index.mjs", "node_modules/a/index.js"]);
    assert.equal(await codeName(code()), "code");
  });

  it("makes the same zip of the same folder", async () => {
    await put("index.mjs");
    const first = await readCode(code());
    await rm(code(), { recursive: true });
    await put("index.mjs");
    assert.deepEqual((await readCode(code())).zip, first.zip);
  });

  it("reads back what it zipped", async () => {
    await put("a/b.js");
    const path = join(folder, "c.zip");
    await writeFile(path, (await readCode(code())).zip);
    assert.deepEqual((await readCode(path)).files, ["a/b.js"]);
    assert.equal(await codeName(path), "c");
  });

  it("refuses a file that is no zip, naming it", async () => {
    await put("x.zip", "hello there");
    await assert.rejects(readCode(join(code(), "x.zip")), {
      code: "invalid",
      message: /x\.zip is not a zip file/,
    });
  });

  it("refuses a zip that is cut short", async () => {
    await put("index.js", "y".repeat(5_000));
    const { zip } = await readCode(code());
    const path = join(folder, "c.zip");
    await writeFile(path, zip.subarray(0, 60));
    await assert.rejects(readCode(path), { code: "invalid", message: /not a whole zip file/ });
  });

  for (const outside of ["../evil.js", "/evil.js", "..\\evil.js", "C:evil.js"]) {
    it(`refuses a zip with the path ${outside}, which is outside itself`, async () => {
      const inside = "_".repeat(outside.length);
      await put(inside);
      const zip = (await readCode(code())).zip.toString("latin1").replaceAll(inside, outside);
      const path = join(folder, "escape.zip");
      await writeFile(path, zip, "latin1");
      await assert.rejects(readCode(path), {
        code: "invalid",
        message: `${path} holds a path outside itself: ${outside}`,
      });
    });
  }

  it("refuses a zip over the limit before it reads it, naming the limit", async () => {
    await put("big.zip");
    await truncate(join(code(), "big.zip"), 300 * 1024 * 1024);
    await assert.rejects(readCode(join(code(), "big.zip")), {
      code: "tooLarge",
      message: new RegExp(`at most ${zipBytesMax} are allowed`),
    });
  });

  it("refuses a link that leaves the folder", async () => {
    await put("index.js");
    await symlink("/etc/hostname", join(code(), "name"));
    await assert.rejects(readCode(code()), { code: "invalid", message: /outside the folder/ });
  });

  it("refuses an empty folder and a path that is not there", async () => {
    await mkdir(code());
    await assert.rejects(readCode(code()), { code: "invalid", message: /has no files/ });
    await assert.rejects(readCode(join(folder, "none")), { code: "invalid" });
  });

  it("finds the file of a handler, and says what is there when it is not", async () => {
    await put("src/app.mjs");
    const archive = await readCode(code());
    checkHandler("src/app.handler", archive, "code");
    assert.throws(() => checkHandler("index.handler", archive, "code"), {
      code: "invalid",
      message: /needs one of index\.js, index\.mjs, index\.cjs in code, which holds src\/app\.mjs/,
    });
    assert.throws(() => checkHandler("index", archive, "code"), {
      message: /must be file\.export/,
    });
  });
});
