/** The score of one function's warm slots, held against the definition slot by slot. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { mergeSpans, scoreSpans, type SlotScore, type SlotSpan } from "./spans.ts";

const slots = 60;
const spans = fc.array(
  fc
    .record({ from: fc.integer({ min: -5, max: 65 }), length: fc.nat(12) })
    .map(({ from, length }): SlotSpan => ({ from, to: from + length - 1 })),
  { maxLength: 8 },
);
const hits = fc
  .uniqueArray(fc.nat(slots - 1), { maxLength: 20 })
  .map((all) => all.sort((a, b) => a - b));

function marksOf(all: readonly SlotSpan[]): boolean[] {
  return Array.from({ length: slots }, (_, slot) =>
    all.some(({ from, to }) => from <= slot && slot <= to),
  );
}

function scoreBySlot(hit: readonly number[], all: readonly SlotSpan[], from: number): SlotScore {
  const warm = marksOf(all);
  let [cold, waste, loads] = [0, 0, 0];
  const isOn = (slot: number): boolean => warm[slot] === true || hit.includes(slot);
  for (let slot = from; slot < slots; slot += 1) {
    if (warm[slot] === true) waste += 1;
    else if (hit.includes(slot)) cold += 1;
    if (isOn(slot) && !isOn(slot - 1)) loads += 1;
  }
  return { cold, waste, loads };
}

describe("Warm slots", () => {
  it("are merged to the same slots, in order and apart", () => {
    fc.assert(
      fc.property(spans, (all) => {
        const merged = mergeSpans(all, slots);
        assert.deepEqual(marksOf(merged), marksOf(all));
        for (const [i, { from }] of merged.entries())
          assert.ok(from > (merged[i - 1]?.to ?? -2) + 1);
      }),
    );
  });

  it("score as they do one slot after the other", () => {
    fc.assert(
      fc.property(hits, spans, fc.nat(slots), (hit, all, from) => {
        const score = scoreSpans(hit, mergeSpans(all, slots), from, slots);
        assert.deepEqual(score, scoreBySlot(hit, all, from));
      }),
    );
  });
});
