import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import type { TidepoolError } from "@tidepool/common";
import { exitCodes } from "./exit-codes.ts";
import { exitCodeOf } from "./failure.ts";
import { interruptible } from "./interrupt.ts";
import { readerGone } from "./terminal/reader.ts";

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

  it("ends its work in order when who reads stdout has left, and that is no failure", async () => {
    assert.equal(readerGone(), false, "nothing is under way");
    let hasCleanedUp = false;
    const work = interruptible(async (signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await turn();
      hasCleanedUp = true;
    });
    assert.equal(readerGone(), true);
    await work;
    assert.ok(hasCleanedUp);
    const failing = interruptible(async (signal) => {
      await turn();
      signal.throwIfAborted();
    });
    readerGone();
    await assert.rejects(failing, (error: TidepoolError) => exitCodeOf(error) === exitCodes.ok);
    assert.equal(readerGone(), false);
  });
});
