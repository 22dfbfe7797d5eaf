import assert from "node:assert/strict";
import { runtimeExitError, thrownError } from "./session-errors.ts";

describe("runtimeExitError", () => {
  const exit = { exitCode: 0, signal: 0, isOutOfMemory: false };
  it("calls the kernel's and V8's end for memory a memory limit", () => {
    const ends = [
      { ...exit, signal: 9, isOutOfMemory: true },
      { ...exit, signal: 6 },
      { ...exit, exitCode: 134 },
    ];
    assert.deepEqual(
      ends.map(
        (each) => runtimeExitError(each, "FATAL ERROR: JavaScript heap out of memory", 128).code,
      ),
      ["memoryLimit", "memoryLimit", "memoryLimit"],
    );
  });

  it("names the limit, and takes an abort without V8's words as a crash", () => {
    const killed = runtimeExitError({ ...exit, isOutOfMemory: true }, "", 128);
    assert.equal(killed.message, "the function used more than its memory limit of 128 MiB");
    const aborted = runtimeExitError({ ...exit, signal: 6 }, "process.abort() was called", 128);
    assert.equal(aborted.code, "guestCrash");
  });

  it("names exit code or signal of every other end", () => {
    const code = runtimeExitError({ ...exit, exitCode: 3 }, "", 128);
    const signal = runtimeExitError({ ...exit, signal: 11 }, "", 128);
    assert.deepEqual([code.code, signal.code], ["guestCrash", "guestCrash"]);
    assert.match(code.message, /exited with code 3/);
    assert.match(signal.message, /ended by signal 11/);
  });
});

describe("thrownError", () => {
  it("carries name, message and stack", () => {
    const thrown = { name: "TypeError", message: "bad", stack: "TypeError: bad\n at x" };
    const error = thrownError(thrown);
    assert.equal(error.code, "functionError");
    assert.equal(error.message, "TypeError: bad");
    assert.deepEqual(error.thrown, thrown);
  });
});
