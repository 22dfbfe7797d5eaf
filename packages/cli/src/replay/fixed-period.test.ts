import assert from "node:assert/strict";
import { findFixedPeriod } from "./fixed-period.ts";

const every = (minutes: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => index * minutes);

describe("A fixed period in a trace", () => {
  it("is found in a plain one", () => {
    assert.deepEqual(findFixedPeriod(every(15, 10)), { minutes: 15 });
  });

  it("is found through dropped ticks", () => {
    const dropped = every(15, 20).filter((_, index) => index !== 4 && index !== 11);
    assert.deepEqual(findFixedPeriod(dropped), { minutes: 15 });
  });

  it("is found through a jitter of a minute", () => {
    const jitter = [0, 1, 0, -1, 0, 0, 1, 0, 0, 0];
    assert.deepEqual(
      findFixedPeriod(every(60, 10).map((minute, i) => minute + 60 + (jitter[i] ?? 0))),
      {
        minutes: 60,
      },
    );
  });

  it("is not found in few calls", () => {
    assert.equal(findFixedPeriod(every(15, 5)), undefined);
  });

  it("is not found in gaps of all lengths", () => {
    assert.equal(findFixedPeriod([0, 3, 4, 11, 30, 33, 60, 61, 80, 120]), undefined);
  });

  it("is not found where calls come almost every minute", () => {
    assert.equal(findFixedPeriod([0, 1, 3, 4, 7, 8, 9, 12, 13, 17, 18, 22]), undefined);
  });
});
