import assert from "node:assert/strict";
import { zipOf } from "../testing/zip.ts";
import { fileCountMax, unzip } from "./unzip.ts";

describe("unzip", () => {
  it("gives each file with its path, permissions and content", async () => {
    const files = await unzip(
      zipOf([
        { path: "lib/", content: "", mode: 0o040755 },
        { path: "lib/a.js", content: "one" },
        { path: "run.sh", content: "two".repeat(1_000), mode: 0o100755, isDeflated: true },
        { path: "plain", content: "", mode: 0 },
      ]),
    );
    assert.deepEqual(
      files.map(({ path, mode, content }) => [path, mode, content.length]),
      [
        ["lib/a.js", 0o644, 3],
        ["run.sh", 0o755, 3_000],
        ["plain", 0o644, 0],
      ],
    );
  });

  for (const path of [
    "../up.js",
    "a/../../up.js",
    "/etc/passwd",
    "a//b",
    "C:\\x",
    "..\\x",
    "./a",
  ]) {
    it(`refuses the path '${path}'`, async () => {
      await assert.rejects(unzip(zipOf([{ path, content: "" }])), {
        code: "invalid",
        message: /^code holds a path (outside itself|with an empty part)/,
      });
    });
  }

  it("refuses a symlink and a device, naming them", async () => {
    const link = { path: "link", content: "/etc/passwd", mode: 0o120777 };
    await assert.rejects(unzip(zipOf([link])), { code: "invalid", message: /symlink: 'link'/ });
    const device = { path: "tty", content: "", mode: 0o020666 };
    await assert.rejects(unzip(zipOf([device])), {
      code: "invalid",
      message: /special file: 'tty'/,
    });
  });

  it("refuses a zip that unzips to more than the limit, whatever sizes it claims", async () => {
    const bytesMax = 1_000_000;
    const large = Buffer.alloc(bytesMax / 2 + 1);
    const bomb = zipOf([
      { path: "a", content: large, isDeflated: true },
      { path: "b", content: large, isDeflated: true },
    ]);
    assert.ok(bomb.length < bytesMax / 100);
    await assert.rejects(unzip(bomb, bytesMax), { code: "tooLarge", message: /1000000 bytes/ });
  });

  it("refuses more files than the limit", async () => {
    const entries = Array.from({ length: fileCountMax + 1 }, (_, index) => ({
      path: String(index),
      content: "",
    }));
    await assert.rejects(unzip(zipOf(entries)), { code: "tooLarge", message: /20001 files/ });
  });

  const whole = zipOf([{ path: "index.js", content: "x".repeat(500) }]);
  for (const [what, bytes] of [
    ["no zip", Buffer.from("hello")],
    ["empty", Buffer.alloc(0)],
    ["cut off", whole.subarray(0, whole.length - 30)],
  ] as const) {
    it(`says that bytes that are ${what} are no zip`, async () => {
      await assert.rejects(unzip(bytes), { code: "invalid", message: /no zip/ });
    });
  }
});
