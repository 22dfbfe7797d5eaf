/** The wire must not change what is remembered: a forecast is the same before and after a restart. */
import assert from "node:assert/strict";
import { planPolicyDefault, policies, seededRandom } from "@tidepool/policy";
import type { FunctionRecord } from "@tidepool/policy";
import { tidepool } from "@tidepool/proto";
import { createLedger, noteCall, noteExpected, notePrepared } from "../shard/window-ledger.ts";
import { decodeMemory, encodeMemory } from "./memory-codec.ts";

const { FunctionMemory } = tidepool.internal.v1;
const minuteMs = 60_000;
const startMs = 1_763_000_000_000;
/** Of the fullest there is: all ticks, a pattern, all gaps, a day's bits, and all windows. */
const memoryBytesMax = 2_048;

function remembered(calls: number, gapMs: (index: number) => number): FunctionRecord {
  let record = policies.learned.createRecord(planPolicyDefault);
  let atMs = startMs;
  for (let i = 0; i < calls; i += 1) {
    record = policies.learned.noteArrival(record, planPolicyDefault, atMs, 1 + (i % 3));
    const { prewarm } = policies.learned.decide(
      record,
      planPolicyDefault,
      { idleVmCount: 0 },
      atMs,
    );
    if (prewarm !== undefined && i % 2 === 1)
      record = policies.learned.notePrewarmed(record, prewarm);
    atMs += gapMs(i);
  }
  return record;
}

function aLedger(windows: number): ReturnType<typeof createLedger> {
  const ledger = createLedger(startMs, startMs - 5);
  for (let i = 0; i < windows; i += 1) {
    const expectedAtMs = startMs + i * 15 * minuteMs;
    const window = {
      startAtMs: expectedAtMs - 2_000,
      endAtMs: expectedAtMs + 2_000,
      expectedAtMs,
      count: 3,
      degree: 0.875,
    };
    noteExpected(ledger, window, i % 2 === 0, expectedAtMs - 4_000);
    notePrepared(ledger, expectedAtMs - 3_000, expectedAtMs + 4_000);
    if (i % 3 !== 0) noteCall(ledger, expectedAtMs + 7, 10 * minuteMs);
  }
  return ledger;
}

describe("memory on the wire", () => {
  const random = seededRandom(4);
  const clock = (): number => 15 * minuteMs + Math.round(random() * 9_000);
  const chance = (): number => 3 * minuteMs * random() + 0.25;
  for (const [name, calls, gapMs] of [
    ["a function called once", 1, clock],
    ["a clock", 60, clock],
    ["more calls than are remembered one by one", 700, chance],
  ] as const)
    it(`is the same again for ${name}`, () => {
      const record = remembered(calls, gapMs);
      for (const ledger of [undefined, aLedger(1), aLedger(12)]) {
        const bytes = Uint8Array.from(encodeMemory({ record, ledger }));
        assert.ok(bytes.length <= memoryBytesMax, `${bytes.length} bytes`);
        const again = decodeMemory(bytes);
        assert.deepEqual(again, { record, ledger });
        // The generated codec finds the same fields, and nothing else.
        const wire = FunctionMemory.decode(bytes);
        assert.equal(wire.$unknowns, undefined);
        assert.deepEqual(decodeMemory(FunctionMemory.encode(wire).finish()), again);
        assert.equal(wire.ticksSeen, record.history.ticksSeen);
        assert.equal(wire.slots?.hitsSettled, record.slots?.calls.hitsSettled);
        assert.equal(wire.pattern?.periodMs, record.history.pattern?.periodMs);
        assert.equal(wire.windows?.keptUntilMs, ledger?.keptUntilMs);
      }
    });

  it("is refused in another format", () => {
    assert.throws(() => decodeMemory(Uint8Array.of(8, 2)), /format 2/);
  });
});
