import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { TidepoolError } from "@tidepool/common";
import { parseTraceRow, readTrace } from "./trace-file.ts";

const good = `{"id":"a","weight":3,"start":"2020-10-08","minutes":[1,5],"counts":[1,2]}`;

describe("Reading a trace", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-trace-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const write = async (content: string | Buffer): Promise<string> => {
    const path = join(folder, `${process.hrtime.bigint()}.jsonl`);
    await writeFile(path, content);
    return path;
  };

  it("reads plain and gzipped files alike, by content and not by name", async () => {
    const plain = await readTrace(await write(`${good}\n\n`));
    const zipped = await readTrace(await write(gzipSync(`${good}\n`)));
    assert.deepEqual(plain, [{ id: "a", weight: 3, minutes: [1, 5], counts: [1, 2] }]);
    assert.deepEqual(zipped, plain);
  });

  it("names the line of an id that came before, and where", async () => {
    const path = await write(`${good}\n${good}\n`);
    await assert.rejects(
      readTrace(path),
      new TidepoolError("invalid", `${path} line 2: id 'a' is already on line 1`),
    );
  });

  it("refuses a gzip file that is cut short", async () => {
    const path = await write(gzipSync(`${good}\n`.repeat(50)).subarray(0, 40));
    await assert.rejects(readTrace(path), {
      code: "invalid",
      message: /cannot be read after line 0/,
    });
  });

  it("refuses a file without rows", async () => {
    await assert.rejects(readTrace(await write("\n")), { code: "invalid", message: /has no rows/ });
  });

  it("says that a file does not exist, and that a folder is none", async () => {
    await assert.rejects(readTrace(join(folder, "none")), { code: "notFound" });
    await assert.rejects(readTrace(folder), { code: "invalid", message: /is a folder/ });
  });
});

describe("A row of a trace", () => {
  const bad: readonly [string, RegExp][] = [
    ["{", /^F line 7 is not JSON: \{/],
    ["[]", /an object is needed/],
    [`{"minutes":[1],"counts":[1]}`, /'id' must be a text/],
    [`{"id":"a","weight":"x","minutes":[1],"counts":[1]}`, /'weight' must be a number from 0/],
    [`{"id":"a","minutes":[-1],"counts":[1]}`, /'minutes' must be a list of integers from 0/],
    [`{"id":"a","minutes":[1.5],"counts":[1]}`, /'minutes' must be a list of integers/],
    [`{"id":"a","minutes":[1],"counts":[0]}`, /'counts' must be a list of integers from 1/],
    [`{"id":"a","minutes":[1,2],"counts":[1]}`, /2 minutes but 1 counts/],
    [`{"id":"a","minutes":[2,2],"counts":[1,1]}`, /'minutes' must ascend, 2 does not/],
  ];
  for (const [line, problem] of bad) {
    it(`is refused when it is ${line}`, () => {
      assert.throws(() => parseTraceRow(line, "F line 7"), { code: "invalid", message: problem });
    });
  }

  it("has weight 1 when none is given", () => {
    assert.equal(parseTraceRow(`{"id":"a","minutes":[],"counts":[]}`, "F").weight, 1);
  });
});
