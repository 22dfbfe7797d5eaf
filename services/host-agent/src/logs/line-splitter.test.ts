import assert from "node:assert/strict";
import { batches, logBatchLengthMax, logBatchLinesMax } from "./function-logs.ts";
import { lineMaxLength, LineSplitter, truncationMark } from "./line-splitter.ts";

describe("LineSplitter", () => {
  it("joins a line, and a character, that come in parts", () => {
    const splitter = new LineSplitter();
    const bytes = Buffer.from("käse\r\nnext");
    assert.deepEqual(splitter.push(bytes.subarray(0, 2)), []);
    assert.deepEqual(splitter.push(bytes.subarray(2)), ["käse"]);
    assert.equal(splitter.flush(), "next");
    assert.equal(splitter.flush(), undefined);
  });

  it("keeps empty lines", () => {
    assert.deepEqual(new LineSplitter().push(Buffer.from("a\n\nb\n")), ["a", "", "b"]);
  });

  it("cuts a line over the limit with a mark, however it comes, and goes on with the next", () => {
    const splitter = new LineSplitter();
    const part = Buffer.alloc(lineMaxLength, "x");
    for (let count = 0; count < 100; count++) assert.deepEqual(splitter.push(part), []);
    const [long, next] = splitter.push(Buffer.from("x\nnext\n"));
    assert.equal(long?.length, lineMaxLength + truncationMark.length);
    assert.ok(long?.endsWith(truncationMark));
    assert.equal(next, "next");
  });
});

describe("batches", () => {
  it("cuts by lines and by length", () => {
    const many = Array.from({ length: logBatchLinesMax + 1 }, () => ({ text: "x" }));
    assert.deepEqual(
      [...batches(many)].map(({ length }) => length),
      [logBatchLinesMax, 1],
    );
    const long = Array.from({ length: 4 }, () => ({ text: "x".repeat(logBatchLengthMax / 2) }));
    assert.deepEqual(
      [...batches(long)].map(({ length }) => length),
      [2, 2],
    );
    assert.deepEqual([...batches([])], []);
  });
});
