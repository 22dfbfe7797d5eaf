import assert from "node:assert/strict";

import fc from "fast-check";

import { EvidenceReader, evidenceCount } from "./evidence.ts";
import { bitWords, CallHistory, gapsMax } from "./history.ts";

function historyOf(gaps: readonly number[]): { history: CallHistory; slots: number[] } {
  const history = new CallHistory();
  const slots = [3];
  history.observe(3, 1);
  for (const gap of gaps) {
    const slot = (slots.at(-1) ?? 0) + gap;
    slots.push(slot);
    history.observe(slot, 1);
  }
  return { history, slots };
}

const gapLists = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 1200 });

describe("call history", () => {
  it("remembers the newest slots with calls exactly", () => {
    fc.assert(
      fc.property(gapLists, (gaps) => {
        const { history, slots } = historyOf(gaps);
        const times = new Int32Array(gapsMax + 1);
        const count = history.expand(times, new Int32Array(gapsMax));
        assert.equal(count, Math.min(gapsMax, gaps.length));
        assert.deepEqual(
          Array.from(times.slice(0, count + 1)).toReversed(),
          slots.slice(-count - 1),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("answers for the last day whether a slot had calls, however busy the function is", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2000 }), (gaps) => {
        const { history, slots } = historyOf(gaps);
        const reader = new EvidenceReader();
        reader.open(history);
        const last = slots.at(-1) ?? 0;
        const known = new Set(slots);
        for (let slot = Math.max(3, last - 1440); slot <= last + 2; slot += 1)
          assert.equal(reader.view.hit(slot), known.has(slot) ? 1 : 0, `slot ${slot}`);
      }),
      { numRuns: 30 },
    );
  });

  it("knows what came near a slot as a look at each slot around it does", () => {
    fc.assert(
      fc.property(gapLists, fc.nat(40), fc.nat(3_000), (gaps, reach, back) => {
        const { history, slots } = historyOf(gaps);
        const reader = new EvidenceReader();
        reader.open(history);
        const slot = (slots.at(-1) ?? 0) + 20 - back;
        const near = reader.view.near(slot, reach);
        const oldest = slots.at(-gapsMax - 1) ?? 0;
        if (slot - reach < oldest) return;
        const isNear = slots.some((one) => Math.abs(one - slot) <= reach);
        assert.equal(near, isNear ? 1 : 0, `slot ${slot} ± ${reach}`);
      }),
      { numRuns: 100 },
    );
  });

  it("stays within its bound", () => {
    const { history } = historyOf(Array.from({ length: 5000 }, () => 1));
    assert.ok(history.bytes <= gapsMax * 2 + bitWords * 4);
  });

  it("is the same after it was stored and restored, and goes on alike", () => {
    fc.assert(
      fc.property(gapLists, (gaps) => {
        const { history, slots } = historyOf(gaps);
        const again = CallHistory.restore(history.store());
        const next = (slots.at(-1) ?? 0) + 7;
        history.observe(next, 2);
        again.observe(next, 2);
        const read = (from: CallHistory): Float32Array => {
          const reader = new EvidenceReader();
          const out = new Float32Array(evidenceCount);
          reader.open(from);
          reader.read(next + 5, out);
          return out;
        };
        assert.deepEqual(read(again), read(history));
      }),
      { numRuns: 30 },
    );
  });

  it("counts calls of one slot together", () => {
    const history = new CallHistory();
    history.observe(5, 2);
    history.observe(5, 3);
    assert.equal(history.total, 1);
    assert.equal(history.lastCount, 5);
  });

  it("knows in how many slots on end calls came", () => {
    const history = new CallHistory();
    assert.equal(history.unbroken, 0);
    for (let slot = 0; slot < 2_000; slot += 1) {
      history.observe(slot < 10 ? 3 * slot : slot + 20, 1);
      assert.equal(history.unbroken, Math.min(gapsMax, slot <= 10 ? 0 : slot - 10));
    }
  });
});
