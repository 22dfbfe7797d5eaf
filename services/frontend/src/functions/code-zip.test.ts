import assert from "node:assert/strict";
import { codeUnpackedMaxBytes } from "../limits.ts";
import { anArchive, linkMode } from "../testing/an-archive.ts";
import { checkCodeZip } from "./code-zip.ts";

describe("checkCodeZip", () => {
  for (const name of ["index.js", "index.mjs", "index.cjs"]) {
    it(`takes a zip whose handler is in ${name}`, () =>
      checkCodeZip(anArchive([name, { name: "lib/" }, "lib/a.js"]), "index.handler"));
  }

  it("finds a handler in a folder", () => checkCodeZip(anArchive(["src/a.b.js"]), "src/a.b.run"));

  const bad: readonly (readonly [string, Buffer, RegExp])[] = [
    ["what is no zip", Buffer.from("#!/bin/sh\n".repeat(10)), /^code is not a zip: /],
    ["nothing", Buffer.alloc(0), /^code is not a zip: /],
    ["half a zip", anArchive(["index.js"]).subarray(20), /^code /],
    [
      "no file for the handler",
      anArchive(["main.js"]),
      /handler index\.handler: index\.js, index\.mjs, index\.cjs/,
    ],
    ["a path above itself", anArchive(["index.js", "../evil.js"]), /\.\.\/evil\.js/],
    ["a path above itself, deeper", anArchive(["index.js", "a/../../evil.js"]), /evil\.js/],
    ["an absolute path", anArchive(["index.js", "/etc/passwd"]), /\/etc\/passwd/],
    ["a backslash path", anArchive(["index.js", "..\\evil.js"]), /evil\.js/],
    [
      "a symbolic link",
      anArchive(["index.js", { name: "out", content: "/etc", mode: linkMode }]),
      /symbolic link: 'out'/,
    ],
    ["a device", anArchive(["index.js", { name: "null", mode: 0o020666 }]), /special file: 'null'/],
    ["a file twice", anArchive(["index.js", "index.js"]), /'index\.js' twice/],
    ["a path of 2000 bytes", anArchive(["index.js", "a".repeat(2_000)]), /limit of 1024 bytes/],
    [
      "an entry larger than it says",
      anArchive(["index.js", { name: "bomb", content: "x".repeat(100_000), claimedBytes: 10 }]),
      /'bomb' cannot be unpacked/,
    ],
  ];
  for (const [what, zip, message] of bad) {
    it(`refuses ${what}`, () =>
      assert.rejects(checkCodeZip(zip, "index.handler"), { code: "invalid", message }));
  }

  it("refuses a zip that unpacks to more than its limit without unpacking it", async () => {
    const half = { content: "", claimedBytes: codeUnpackedMaxBytes / 2 + 1 };
    const zip = anArchive(["index.js", { name: "a", ...half }, { name: "b", ...half }]);
    await assert.rejects(checkCodeZip(zip, "index.handler"), {
      code: "tooLarge",
      message: /the limit is 262144000/,
    });
  });
});
