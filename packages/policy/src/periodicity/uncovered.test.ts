import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createHistory, forecast, observe, uncoveredCalls } from "./index.ts";

const periodMs = 900_000;
const history = Array.from({ length: 10 }, (_, i) => i * periodMs).reduce(
  (before, atMs) => observe(before, atMs, 2),
  createHistory(),
);
const dueMs = 10 * periodMs;

describe("uncoveredCalls", () => {
  it("counts every call of a function without a pattern", () => {
    assert.equal(uncoveredCalls(createHistory(), dueMs, 3), 3);
  });
  it("counts a call between windows", () => {
    assert.equal(uncoveredCalls(history, dueMs - periodMs / 2), 1);
  });
  it("leaves of an expected call what the degree lacks", () => {
    const degree = forecast(history, dueMs)?.degree ?? 0;
    assert.ok(Math.abs(uncoveredCalls(history, dueMs, 2) - 2 * (1 - degree)) < 1e-9);
  });
  it("counts calls beyond the expected count", () => {
    const two = uncoveredCalls(history, dueMs, 2);
    assert.ok(Math.abs(uncoveredCalls(history, dueMs, 5) - two - 3) < 1e-9);
  });
  it("covers what follows the first call of a window up to the count", () => {
    const begun = observe(history, dueMs);
    assert.ok(uncoveredCalls(begun, dueMs + 1) < 0.5);
    assert.equal(uncoveredCalls(observe(begun, dueMs + 1), dueMs + 2), 1);
  });
});
