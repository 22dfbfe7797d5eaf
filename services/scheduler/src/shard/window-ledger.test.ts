import assert from "node:assert/strict";
import type { CallWindow } from "../ports.ts";
import {
  createLedger,
  nearestWindow,
  noteCall,
  noteExpected,
  noteKeep,
  notePrepared,
  pastWindowsMax,
  windowsAround,
} from "./window-ledger.ts";
import type { WindowLedger } from "./window-ledger.ts";

const keepAliveMs = 600_000;
const aWindow = (expectedAtMs: number): CallWindow => ({
  startAtMs: expectedAtMs - 1_000,
  endAtMs: expectedAtMs + 1_000,
  expectedAtMs,
  count: 1,
  degree: 0.9,
});
function aLedger(expectedAtMs: number): WindowLedger {
  const ledger = createLedger(0, 0);
  noteExpected(ledger, aWindow(expectedAtMs), false, 0);
  return ledger;
}

describe("WindowLedger", () => {
  it("has a hit when a call meets the VM that waits, a little before the window", () => {
    const ledger = aLedger(10_000);
    notePrepared(ledger, 8_000, 12_000);
    noteCall(ledger, 8_700, keepAliveMs);
    assert.equal(ledger.recent[0]?.calledAtMs, 8_700);
    assert.equal(ledger.coldStarts, 0);
  });

  it("has a hit when a call comes in the window, and by how much it was off", () => {
    const ledger = aLedger(10_000);
    notePrepared(ledger, 8_500, 11_500);
    noteCall(ledger, 10_400, keepAliveMs);
    const [past] = ledger.recent;
    assert.deepEqual([past?.calledAtMs, past?.wasPrepared], [10_400, true]);
    assert.equal(ledger.open, null);
  });

  it("has a miss when the window passes, at the next look or call", () => {
    const looked = aLedger(10_000);
    noteExpected(looked, aWindow(20_000), false, 11_001);
    assert.equal(looked.recent[0]?.calledAtMs, null);
    const called = aLedger(10_000);
    noteCall(called, 15_000, keepAliveMs);
    assert.equal(called.recent[0]?.calledAtMs, null);
  });

  it("counts a window that was withdrawn as neither", () => {
    const ledger = aLedger(10_000);
    noteExpected(ledger, aWindow(30_000), false, 5_000);
    noteExpected(ledger, undefined, false, 6_000);
    assert.deepEqual([ledger.recent, ledger.open], [[], null]);
  });

  it("keeps a bounded number, the newest first", () => {
    const ledger = aLedger(0);
    for (let i = 1; i <= pastWindowsMax + 3; i += 1) {
      noteExpected(ledger, aWindow(i * 10_000), false, i * 10_000 - 5_000);
      noteCall(ledger, i * 10_000, keepAliveMs);
    }
    assert.equal(ledger.recent.length, pastWindowsMax);
    assert.equal(ledger.recent[0]?.calledAtMs, (pastWindowsMax + 3) * 10_000);
  });

  it("finds the window that a call was early or late for", () => {
    const ledger = aLedger(10_000);
    const nearest = (atMs: number): number | undefined =>
      nearestWindow(windowsAround(ledger, atMs), atMs)?.expectedAtMs;
    assert.equal(nearest(4_000), 10_000);
    noteExpected(ledger, aWindow(100_000), false, 11_001);
    assert.equal(nearest(13_000), 10_000, "late for the one missed");
    assert.equal(nearest(95_000), 100_000);
    noteCall(ledger, 13_000, keepAliveMs);
    assert.equal(nearest(14_000), 100_000, "another call was late for the one missed");
    noteCall(ledger, 100_000, keepAliveMs);
    noteExpected(ledger, aWindow(200_000), false, 100_000);
    assert.equal(nearest(100_500), 100_000, "one more of the same");
    assert.equal(nearest(103_000), 200_000, "early: the last was hit");
  });

  it("sets the plan's cold starts and idle time beside those of the fixed keep-alive", () => {
    const periodMs = 900_000; // longer than the keep-alive: every call is cold under it
    const ledger = createLedger(0, 0);
    noteKeep(ledger, 5_000);
    for (let i = 1; i <= 4; i += 1) {
      const atMs = i * periodMs;
      noteExpected(ledger, aWindow(atMs), true, atMs - periodMs + 1);
      notePrepared(ledger, atMs - 2_000, atMs + 2_000);
      noteCall(ledger, atMs, keepAliveMs);
      noteKeep(ledger, atMs + 5_000);
    }
    assert.deepEqual([ledger.coldStarts, ledger.fixedColdStarts], [0, 4]);
    assert.deepEqual([ledger.idleMs, ledger.fixedIdleMs], [4 * 7_000, 4 * keepAliveMs]);
    assert.equal(
      ledger.recent.every(({ wasShadow }) => wasShadow),
      true,
    );
  });

  it("counts a VM that nobody came to in full, and the call after it as cold", () => {
    const ledger = aLedger(10_000);
    notePrepared(ledger, 8_000, 12_000);
    noteCall(ledger, 700_000, keepAliveMs);
    assert.deepEqual([ledger.idleMs, ledger.coldStarts], [4_000, 1]);
  });
});
