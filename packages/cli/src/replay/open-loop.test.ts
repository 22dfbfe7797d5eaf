import assert from "node:assert/strict";
import type { Clock } from "@tidepool/common";
import { runOpenLoop } from "./open-loop.ts";

/** Time that passes only when somebody sleeps. */
function aClock(): Clock {
  let nowMs = 1_000;
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
    },
  };
}

const calls = [{ dueMs: 0 }, { dueMs: 10 }, { dueMs: 20 }];

describe("The open loop", () => {
  it("starts each call at its instant although earlier ones have not answered", async () => {
    const clock = aClock();
    const startedAtMs: number[] = [];
    const answers: (() => void)[] = [];
    const loop = runOpenLoop(
      calls,
      () => {
        startedAtMs.push(clock.nowMs());
        return new Promise((resolve) => answers.push(resolve));
      },
      { concurrencyMax: 8, clock },
    );
    await new Promise(setImmediate);
    assert.deepEqual(startedAtMs, [1_000, 1_010, 1_020]);
    for (const answer of answers) answer();
    await loop;
  });

  it("tells a call that had to wait its turn when it was due", async () => {
    const dueAtMs: number[] = [];
    const answers: (() => void)[] = [];
    const loop = runOpenLoop(
      calls,
      (_, at) => {
        dueAtMs.push(at);
        return new Promise((resolve) => answers.push(resolve));
      },
      { concurrencyMax: 1, clock: aClock() },
    );
    for (let n = 0; n < calls.length; n += 1) {
      await new Promise(setImmediate);
      assert.equal(dueAtMs.length, n + 1);
      answers[n]?.();
    }
    await loop;
    assert.deepEqual(dueAtMs, [1_000, 1_010, 1_020]);
  });

  it("starts nothing more once it is interrupted, and waits for what runs", async () => {
    const controller = new AbortController();
    let started = 0;
    let ended = 0;
    await runOpenLoop(
      calls,
      async () => {
        started += 1;
        controller.abort();
        await new Promise(setImmediate);
        ended += 1;
      },
      { concurrencyMax: 8, clock: aClock(), signal: controller.signal },
    );
    assert.deepEqual([started, ended], [1, 1]);
  });
});
