import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { interruptible } from "./interrupt.ts";

describe("interruptible", () => {
  it("lets any number of calls listen to its signal without a warning", async () => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on("warning", onWarning);
    try {
      await interruptible(async (signal) => {
        for (let count = 0; count < 100; count += 1) signal.addEventListener("abort", () => count);
        await turn();
      });
    } finally {
      process.off("warning", onWarning);
    }
    assert.deepEqual(warnings, []);
  });
});
