import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { codeUnpackedMaxBytes } from "../limits.ts";
import { anArchive, linkMode } from "../testing/an-archive.ts";
import { checkCodeZip } from "./code-zip.ts";

const noise = randomBytes(100_000);

const node = { runtime: "nodejs20", handler: "index.handler" };

describe("checkCodeZip", () => {
  for (const name of ["index.js", "index.mjs", "index.cjs"]) {
    it(`takes a zip whose handler is in ${name}`, () =>
      checkCodeZip(anArchive([name, { name: "lib/" }, "lib/a.js"]), node));
  }

  it("finds a handler in a folder, which may be a part of what its file exports", () =>
    checkCodeZip(anArchive(["src/a.js"]), { ...node, handler: "src/a.b.run" }));

  const bad: readonly (readonly [string, Buffer, RegExp])[] = [
    ["what is no zip", Buffer.from("#!/bin/sh\n".repeat(10)), /^code is not a zip file$/],
    ["nothing", Buffer.alloc(0), /^code is not a zip file$/],
    ["half a zip", anArchive(["index.js"]).subarray(20), /^code /],
    [
      "no file for the handler",
      anArchive(["main.js"]),
      /handler index\.handler: index\.js, index\.mjs, index\.cjs/,
    ],
    ...["../evil.js", "a/../../evil.js", "/etc/passwd", "..\\evil.js", "C:\\evil.js"].map(
      (path): readonly [string, Buffer, RegExp] => [
        `the path ${path}`,
        anArchive(["index.js", path]),
        new RegExp(`^code zip holds a path outside itself: ${path.replaceAll("\\", "\\\\")}$`),
      ],
    ),
    ["a path that is not plain", anArchive(["./index.js"]), /empty part.*: \.\/index\.js$/],
    [
      "a symbolic link",
      anArchive(["index.js", { name: "out", content: "/etc", mode: linkMode }]),
      /symbolic link: 'out'/,
    ],
    ["a device", anArchive(["index.js", { name: "null", mode: 0o020666 }]), /special file: 'null'/],
    ["a file twice", anArchive(["index.js", "index.js"]), /'index\.js' twice/],
    [
      "a path that is a file and a folder",
      anArchive(["index.js", "a", "a-b", "a/b"]),
      /'a' as a file and as the folder of 'a\/b'$/,
    ],
    [
      "a path that is a file and a folder with an entry of its own",
      anArchive(["index.js", "a/", "a"]),
      /'a' twice/,
    ],
    ["a path of 2000 bytes", anArchive(["index.js", "a/".repeat(1_000)]), /limit of 1024 bytes/],
    [
      "a part of a path of 256 bytes",
      anArchive(["index.js", `a/${"é".repeat(128)}/b`]),
      /path part 'é+…' is longer than the limit of 255 bytes$/,
    ],
    [
      "a large entry that is larger than it says",
      anArchive(["index.js", { name: "bomb", content: noise, claimedBytes: 90_000 }]),
      /'bomb' cannot be unpacked/,
    ],
    [
      "an entry smaller than it says",
      anArchive(["index.js", { name: "hollow", content: "x", claimedBytes: 10 }]),
      /'hollow' is damaged/,
    ],
    [
      "entries of more bytes than the file has",
      anArchive(["index.js", { name: "a", content: noise, claimedPackedBytes: 1_000_000 }]),
      /entries of 10\d{5} bytes in a file of \d+ bytes$/,
    ],
    [
      "large content that does not match its checksum",
      anArchive(["index.js", { name: "a/b.js", content: noise, claimedChecksum: 7 }]),
      /entry 'a\/b\.js' is damaged: its content does not match its checksum$/,
    ],
    [
      "content that does not match its checksum",
      anArchive(["index.js", { name: "a/b.js", content: "text", claimedChecksum: 7 }]),
      /entry 'a\/b\.js' is damaged: its content does not match its checksum$/,
    ],
    [
      "an entry larger than it says",
      anArchive(["index.js", { name: "bomb", content: "x".repeat(100_000), claimedBytes: 10 }]),
      /'bomb' cannot be unpacked/,
    ],
  ];
  for (const [what, zip, message] of bad) {
    it(`refuses ${what}`, () =>
      assert.rejects(checkCodeZip(zip, node), { code: "invalid", message }));
  }

  it("takes paths at their limits, and folders beside files that start with their name", () => {
    const deep = ["a", "b", "c", "d"].map((letter) => letter.repeat(255)).join("/");
    return checkCodeZip(anArchive(["index.js", deep, { name: "a/" }, "a/b", "a-b", "a.js"]), node);
  });

  it("refuses a zip that unpacks to more than its limit without unpacking it", async () => {
    const half = { content: "", claimedBytes: codeUnpackedMaxBytes / 2 + 1 };
    const zip = anArchive(["index.js", { name: "a", ...half }, { name: "b", ...half }]);
    await assert.rejects(checkCodeZip(zip, node), {
      code: "tooLarge",
      message: /the limit is 262144000/,
    });
  });
});
