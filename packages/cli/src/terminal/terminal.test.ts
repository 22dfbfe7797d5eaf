import assert from "node:assert/strict";
import { fitLine } from "./terminal.ts";

describe("A status line", () => {
  it("is cut at the terminal's width, its colours not counted and not cut", () => {
    assert.equal(fitLine("\x1b[1mabcdef\x1b[22m", 5), "\x1b[1mabcd\x1b[22m");
  });

  it("stays as it is when it fits", () => {
    assert.equal(fitLine("abc", 80), "abc");
  });
});
