import assert from "node:assert/strict";
import { describeThrown } from "./function-error.ts";

describe("describeThrown", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  const nonErrors: [unknown, string][] = [
    ["text", "text"],
    [undefined, "undefined"],
    [null, "null"],
    [5n, "5"],
    [Symbol("mark"), "Symbol(mark)"],
    [{ code: 1 }, '{"code":1}'],
    [circular, "[object Object]"],
    [function thrown() {}, "function thrown"],
  ];
  for (const [value, message] of nonErrors) {
    it(`calls ${message} a NonError`, () => {
      const { name, message: said } = describeThrown(value);
      assert.deepEqual([name, said], ["NonError", message]);
    });
  }

  it("ends the stack with the last frame that is the function's", () => {
    const own = [
      "Error: x",
      "    at read (node:fs:12:3)",
      "    at handler (file:///var/task/a.mjs:5:28)",
    ];
    const nodes = [
      "    at new Promise (<anonymous>)",
      "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
    ];
    const error = Object.assign(new Error("x"), { stack: [...own, ...nodes].join("\n") });
    assert.equal(describeThrown(error).stack, own.join("\n"));
  });

  it("keeps name, message and stack of an error", () => {
    const error = new RangeError("too far");
    const described = describeThrown(error);
    assert.equal(described.name, "RangeError");
    assert.equal(described.message, "too far");
    assert.match(described.stack, /function-error\.test\.ts/);
  });

  it("survives an error whose fields throw", () => {
    const hostile = new Error("x");
    Object.defineProperty(hostile, "message", {
      get() {
        throw new Error("no");
      },
    });
    assert.match(describeThrown(hostile).message, /cannot be described/);
  });

  it("cuts a message that is too long to be sent", () => {
    assert.ok(describeThrown(new Error("x".repeat(1_000_000))).message.length < 70_000);
  });
});
