/** Contexts are found in whole words of bits: the same as a look at each slot finds. */
import assert from "node:assert/strict";

import fc from "fast-check";

import { CallView } from "./call-view.ts";
import { SlotContexts } from "./evidence-slots.ts";
import { CallHistory } from "./history.ts";
import { odds } from "./odds.ts";

const lengths = [4, 8, 12];
const gapLists = fc
  .tuple(fc.constantFrom(3, 20, 90, 900), fc.constantFrom(0, 300))
  .chain(([max, minLength]) =>
    fc.array(fc.integer({ min: 1, max }), { minLength, maxLength: minLength + 150 }),
  );
const ages = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

function looked(view: CallView, slot: number): Float32Array {
  const { firstSlot, lastSlot } = view.history;
  const bit = (x: number): number => (x < 0 ? 0 : view.hit(view.base + x));
  return Float32Array.from(
    lengths.flatMap((length) => {
      let trials = Math.max(0, slot - lastSlot - 1 - length);
      let hits = 0;
      const first = Math.max(0, firstSlot - view.base) + length;
      for (let x = first; x <= lastSlot - view.base; x += 1) {
        let isAlike = true;
        for (let j = 1; j <= length; j += 1)
          if ((bit(x - j) === 1) !== (view.hit(slot - j) === 1)) isAlike = false;
        if (!isAlike) continue;
        trials += 1;
        hits += bit(x);
      }
      return [odds(hits, trials), Math.log(1 + trials)];
    }),
  );
}

describe("contexts of slots", () => {
  it("are those that a look at each slot finds, whichever slot is asked for first", () => {
    fc.assert(
      fc.property(gapLists, ages, fc.integer({ min: 0, max: 5_000 }), (gaps, asked, begin) => {
        const history = new CallHistory();
        let slot = begin;
        history.observe(slot, 1);
        for (const gap of gaps) history.observe((slot += gap), 1);
        const view = new CallView();
        view.open(history);
        const contexts = new SlotContexts();
        contexts.open();
        const out = new Float32Array(2 * lengths.length);
        for (const age of asked) {
          contexts.read(view, slot + age, out, 0);
          assert.deepEqual(out, looked(view, slot + age));
        }
      }),
      { numRuns: 60 },
    );
  });
});
