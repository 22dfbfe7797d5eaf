import assert from "node:assert/strict";
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gatherAdditions } from "./additions.ts";
import { packagesOf } from "./build-image.ts";
import { imageHash } from "./image-hash.ts";
import { handlerFiles, listRuntimes, readManifest, runtimeFolder } from "./manifest.ts";

const toy = {
  name: "toy1.0",
  title: "Toy 1",
  handler: {
    form: "module:function",
    example: "a.b:run",
    pattern: "^(?<module>[a-z.]+):[a-z]+$",
    files: ["{path}.toy", "{module}.toy"],
  },
  packages: ["toy-interpreter"],
  additions: [{ kind: "files", files: ["start.toy"], folder: "/opt/toy" }],
  command: ["/usr/bin/toy", "/opt/toy/start.toy", "--memory={memoryMib}"],
  environment: { TOY_COLOUR: "red" },
  resident: ["/usr/bin/toy"],
};

describe("A folder in guest/runtimes", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-runtimes-"));
    process.env["TIDEPOOL_RUNTIMES_DIR"] = folder;
  });
  afterEach(async () => {
    delete process.env["TIDEPOOL_RUNTIMES_DIR"];
    await rm(folder, { recursive: true });
  });

  async function add(manifest: unknown, name = toy.name): Promise<void> {
    await mkdir(join(folder, name), { recursive: true });
    const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    await writeFile(join(folder, name, "manifest.json"), text);
    await writeFile(join(folder, name, "start.toy"), "go");
  }

  it("is a runtime when it has a manifest", async () => {
    await add(toy);
    await mkdir(join(folder, "no-manifest"));
    assert.deepEqual(
      listRuntimes().map(({ name }) => name),
      ["toy1.0"],
    );
  });

  it("is in the image with its packages, its files, and what init starts", async () => {
    await add(toy);
    assert.deepEqual(packagesOf(listRuntimes()), ["toy-interpreter"]);
    const tree = join(folder, "tree");
    await gatherAdditions(listRuntimes(), tree);
    const read = (path: string): Promise<string> => readFile(join(tree, path), "utf8");
    assert.equal(await read("opt/toy/start.toy"), "go");
    const forInit = "opt/tidepool/runtimes/toy1.0";
    assert.equal(await read(`${forInit}/command`), `${toy.command.join("\n")}\n`);
    assert.equal(await read(`${forInit}/environment`), "TOY_COLOUR=red\n");
    assert.equal(await read(`${forInit}/resident`), "/usr/bin/toy\n");
  });

  it("changes the image's hash, by its manifest and by every file of it", async () => {
    await add(toy);
    const hashes = [await imageHash()];
    await writeFile(join(folder, toy.name, "start.toy"), "stop");
    hashes.push(await imageHash());
    await add({ ...toy, title: "Toy 2" });
    hashes.push(await imageHash());
    assert.equal(new Set(hashes).size, 3);
  });

  it("tells which files a handler may be in", async () => {
    await add(toy);
    const manifest = readManifest(toy.name);
    assert.deepEqual(handlerFiles(manifest, "a.b:run"), ["a/b.toy", "a.b.toy"]);
    assert.equal(handlerFiles(manifest, "a.b"), undefined);
  });

  const wrong: [string, unknown, RegExp][] = [
    ["no JSON", "{", /manifest of runtime 'toy1\.0': .*JSON/],
    ["no object", [], /it is no object/],
    ["another's name", { ...toy, name: "other" }, /'name' must be 'toy1\.0'/],
    ["a command without a path", { ...toy, command: ["toy"] }, /'command' must begin with a path/],
    ["a handler that is none", { ...toy, handler: { ...toy.handler, example: "?" } }, /example/],
    ["an unknown addition", { ...toy, additions: [{ kind: "magic" }] }, /'additions' must be/],
    ["a line end in a word", { ...toy, resident: ["a\nb"] }, /'resident' must be a list/],
  ];
  for (const [what, manifest, message] of wrong) {
    it(`is refused with ${what} in its manifest`, async () => {
      await add(manifest);
      assert.throws(() => listRuntimes(), { code: "invalid", message });
    });
  }

  it("may not have a name that leads out of the folder", () => {
    assert.throws(() => readManifest("../init"), { code: "invalid" });
    assert.throws(() => readManifest("unknown"), {
      code: "notFound",
      message: /^no runtime 'unknown': there are /,
    });
  });
});

describe("Every runtime of the image", () => {
  it("has a manifest that describes it", () => {
    const names = listRuntimes().map(({ name }) => name);
    assert.deepEqual(names, ["nodejs20", "provided", "python3.11"]);
  });

  it("has in its folder every file that its manifest adds to the image", async () => {
    for (const { name, additions } of listRuntimes()) {
      const files = additions.flatMap((each) =>
        each.kind === "files" ? each.files : each.kind === "bundle" ? [each.entry] : [],
      );
      for (const file of files) await access(join(runtimeFolder(name), file));
    }
  });

  const handlers: [string, string, readonly string[] | undefined][] = [
    ["nodejs20", "index.handler", ["index.js", "index.mjs", "index.cjs"]],
    ["nodejs20", "a.b/c.api.run", ["a.b/c.js", "a.b/c.mjs", "a.b/c.cjs"]],
    ["nodejs20", "../index.handler", undefined],
    ["nodejs20", "a/./index.handler", undefined],
    ["nodejs20", "index", undefined],
    ["python3.11", "index.handler", ["index.py", "index/__init__.py"]],
    ["python3.11", "a/b.c.handler", ["a/b/c.py", "a/b/c/__init__.py"]],
    ["python3.11", "a..b.handler", undefined],
    ["python3.11", "../index.handler", undefined],
    ["provided", "anything", ["bootstrap"]],
    ["provided", "two words", undefined],
  ];
  for (const [runtime, handler, files] of handlers) {
    it(`${runtime} looks for '${handler}' in ${files?.[0] ?? "no file"}`, () => {
      assert.deepEqual(handlerFiles(readManifest(runtime), handler), files);
    });
  }
});
