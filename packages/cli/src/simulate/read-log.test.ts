import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Workload } from "@tidepool/policy";
import { csvFields } from "./csv.ts";
import { readLog } from "./read-log.ts";
import { parseTimestamp } from "./timestamp.ts";

describe("Reading a log", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-log-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const write = async (content: string | Buffer): Promise<string> => {
    const path = join(folder, `${process.hrtime.bigint()}.log`);
    await writeFile(path, content);
    return path;
  };
  const read = async (content: string | Buffer): Promise<Workload> => readLog(await write(content));

  const expected: Workload = {
    functions: [
      { id: "a", weight: 1, slots: [0, 2], counts: [2, 1], atMs: [500, 1_000, 120_000] },
      { id: "b, c", weight: 1, slots: [1], counts: [1], atMs: [60_000] },
    ],
    slotMs: 60_000,
    slots: 3,
  };
  const base = "2026-03-01T10:0";
  const forms: Readonly<Record<string, string | Buffer>> = {
    "ISO 8601 with a header": `timestamp,function\n${base}0:00.5Z,a\n${base}0:01Z,a\n${base}1:00Z,"b, c"\n${base}2:00Z,a\n`,
    "no header, CRLF, no line end at the end": `${base}0:00.5Z,a\r\n${base}0:01Z,a\r\n${base}1:00Z,"b, c"\r\n${base}2:00Z,a`,
    "rows out of order": `${base}2:00Z,a\n${base}0:01Z,a\n${base}1:00Z,"b, c"\n${base}0:00.5Z,a\n`,
    "columns named by a header, others between": `status,name,bytes,time\n200,a,7,${base}0:00.5Z\n200,a,7,${base}0:01Z\n404,"b, c",0,${base}1:00Z\n200,a,7,${base}2:00Z\n`,
    "seconds since 1970": '1772359200.5,a\n1772359201,a\n1772359260,"b, c"\n1772359320,a\n',
    "milliseconds since 1970, gzipped": gzipSync(
      '1772359200500,a\n1772359201000,a\n1772359260000,"b, c"\n1772359320000,a\n',
    ),
  };
  for (const [what, content] of Object.entries(forms)) {
    it(`reads ${what}`, async () => {
      const { functions, ...rest } = await read(content);
      const sorted = functions.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      assert.deepEqual({ functions: sorted, ...rest }, expected);
    });
  }

  it("reads the rows of a request trace", async () => {
    const workload = await read(
      `{"id":"a","weight":3,"minutes":[1,5],"counts":[1,2]}\n\n{"id":"b","minutes":[9],"counts":[1]}\n`,
    );
    assert.deepEqual(workload, {
      functions: [
        { id: "a", weight: 3, slots: [1, 5], counts: [1, 2] },
        { id: "b", weight: 1, slots: [9], counts: [1] },
      ],
      slotMs: 60_000,
      slots: 10,
    });
  });

  const bad: readonly [string, string, RegExp][] = [
    ["an instant that is none", "1,a\nyesterday,a\n", /line 2: 'yesterday' is no instant/],
    ["a quote left open", '1,a\n2,"a\n', /line 2: a quote is not closed: 2,"a/],
    [
      "a line without a function",
      "1,a\n2\n",
      /line 2: 'timestamp,function' with a comma is needed, got 2/,
    ],
    [
      "a header that names no function's column among several",
      "time,status,bytes\n1,200,7\n",
      /line 1: no column of functions: name it function, .*, url, handler$/,
    ],
    [
      "a header that names no instant's column among several",
      "id,began,route\n7,1,a\n",
      /line 1: no column of instants: name it timestamp, /,
    ],
    ["an empty name", "1,a\n2,\n", /line 2: the function's name must have 1 to 256 characters/],
    ["more than a year", "0,a\n31700000,a\n", /line 2: the log spans more than 366 days/],
    ["a header alone", "timestamp,function\n", /has a header and no rows/],
    ["nothing", "\n\n", /has no rows/],
    ["a trace row that is none", '{"id":"a"}\n', /line 1: 'minutes' must be a list/],
    [
      "a trace row twice",
      `${'{"id":"a","minutes":[1],"counts":[1]}\n'.repeat(2)}`,
      /line 2: id 'a' is already on line 1/,
    ],
  ];
  for (const [what, content, message] of bad) {
    it(`names the line and the problem of ${what}`, async () => {
      await assert.rejects(read(content), { code: "invalid", message });
    });
  }

  it("refuses a gzip file that is cut short, a folder, and a file that is not there", async () => {
    const cut = gzipSync("1,a\n".repeat(5_000)).subarray(0, 40);
    await assert.rejects(read(cut), { code: "invalid", message: /is it whole\?/ });
    await assert.rejects(readLog(folder), { code: "invalid", message: /is a folder/ });
    await assert.rejects(readLog(join(folder, "none")), { code: "notFound" });
  });
});

describe("A line of CSV", () => {
  it("is split at commas outside of quotes, with doubled quotes as one", () => {
    assert.deepEqual(csvFields('a, b ,"c,""d""",'), ["a", "b", 'c,"d"', ""]);
    assert.deepEqual(csvFields("a"), ["a"]);
  });
  it("is refused with text after a closing quote", () => {
    assert.equal(csvFields('"a"b,c'), "text follows a closing quote");
  });
});

describe("An instant", () => {
  const atMs = Date.UTC(2026, 2, 1, 10);
  for (const text of [
    "2026-03-01T10:00:00Z",
    "2026-03-01T12:00:00+02:00",
    "2026-03-01T12:00:00+0200",
    "2026-03-01 10:00:00",
    "2026-03-01 10:00:00,000",
    "2026-03-01 10:00:00 UTC",
    "2026-03-01T10:00Z",
    "1772359200",
    "1772359200000",
  ]) {
    it(`is the same written as ${text}`, () => assert.equal(parseTimestamp(text), atMs));
  }
  for (const text of ["", "x", "2026-13-01T10:00:00Z", "-5", "1e9", "12:00"]) {
    it(`is not '${text}'`, () => assert.equal(parseTimestamp(text), undefined));
  }
});
