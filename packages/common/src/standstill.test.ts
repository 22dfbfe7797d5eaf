import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLogger } from "./logger.ts";
import type { Logger } from "./logger.ts";
import { warnOfStandstill } from "./standstill.ts";

const waitMaxMs = 30_000;

describe("A process that stood still", () => {
  it("says for how long, once", async () => {
    const warned: { readonly message: string; readonly stoodMs: number }[] = [];
    const warn: Logger["warn"] = (message, fields) =>
      void warned.push({ message, stoodMs: Number(fields?.["stoodMs"]) });
    const logger: Logger = { ...silentLogger, warn };
    const minMs = 2_000;
    const end = warnOfStandstill(logger, { everyMs: 10, minMs });
    await sleep(30);
    const untilMs = performance.now() + minMs + 100;
    while (performance.now() < untilMs);
    for (let waitedMs = 0; warned.length === 0 && waitedMs < waitMaxMs; waitedMs += 10)
      await sleep(10);
    await sleep(30);
    end();
    const [first] = warned;
    assert.equal(warned.length, 1);
    assert.equal(first?.message, "stood still");
    assert.ok(first.stoodMs >= minMs, `${first.stoodMs} ms`);
  });
});
