import assert from "node:assert/strict";
import { fitLine, openTerminal } from "./terminal.ts";

describe("A status line", () => {
  it("is cut at the terminal's width, its colours not counted and not cut", () => {
    assert.equal(fitLine("\x1b[1mabcdef\x1b[22m", 5), "\x1b[1mabcd\x1b[22m");
  });

  it("stays as it is when it fits", () => {
    assert.equal(fitLine("abc", 80), "abc");
  });
});

describe("Colours", () => {
  const stream = (isTTY: boolean): NodeJS.WriteStream => ({ isTTY }) as NodeJS.WriteStream;
  const paints = (isOutTty: boolean, isErrTty: boolean, env: NodeJS.ProcessEnv = {}): string => {
    const terminal = openTerminal(stream(isOutTty), stream(isErrTty), env);
    const isPainted = (text: string): string => (text === "x" ? "plain" : "painted");
    return `${isPainted(terminal.paintOut("red", "x"))}, ${isPainted(terminal.paint("red", "x"))}`;
  };

  it("are for the stream that is a terminal, a result in a file has none", () => {
    assert.equal(paints(true, true), "painted, painted");
    assert.equal(paints(false, true), "plain, painted");
    assert.equal(paints(true, false), "painted, plain");
  });

  it("are left out where they are not wanted", () => {
    for (const env of [{ NO_COLOR: "1" }, { TERM: "dumb" }, { CI: "true" }])
      assert.equal(paints(true, true, env), "plain, plain");
    assert.equal(paints(true, true, { NO_COLOR: "" }), "painted, painted");
  });
});
