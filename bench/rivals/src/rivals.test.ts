/** Each rival against the rules of its paper, on calls small enough to work out by hand. */
import assert from "node:assert/strict";
import { mergeSpans } from "@tidepool/policy";
import type { SlotPolicy, SlotSpan } from "@tidepool/policy";
import { clairvoyant, fourier, hybridHistogram, hybridStandardKnob } from "./index.ts";
import { keepAlive, keepAliveKnob } from "./index.ts";

const slots = 4_320;

function warm(policy: SlotPolicy, knob: number, hits: readonly number[], from = 0): SlotSpan[] {
  const calls = { id: "f", weight: 1, slots: hits, counts: hits.map(() => 1) };
  const workload = { functions: [calls], slotMs: 60_000, slots };
  return mergeSpans(policy.open(calls, workload, from)(knob), slots);
}
const every = (period: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => i * period);
/** One in each of so many consecutive gaps: the histogram is flat. */
const rising = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => ((i + 1) * (i + 2)) / 2 - 1);

describe("Fixed keep-alive", () => {
  it("is warm for its minutes after each use, and no longer", () => {
    assert.deepEqual(warm(keepAlive, keepAliveKnob(10), [5, 9, 100]), [
      { from: 6, to: 19 },
      { from: 101, to: 110 },
    ]);
  });
});

describe("Clairvoyant", () => {
  it("is warm in every slot with a call but the first", () => {
    assert.deepEqual(warm(clairvoyant, 0, [5, 90, 91]), [{ from: 90, to: 91 }]);
  });
});

describe("Hybrid histogram", () => {
  const knob = hybridStandardKnob;

  it("keeps for four hours after a first call, of which no history is known", () => {
    assert.deepEqual(warm(hybridHistogram, knob, [5]), [{ from: 6, to: 245 }]);
  });

  it("keeps for four hours while the histogram is flat", () => {
    const hits = rising(61);
    const last = hits.at(-1) ?? 0;
    assert.equal(warm(hybridHistogram, knob, hits).at(-1)?.to, last + 240);
  });

  it("unloads, loads at 0.9 of the 5th percentile and keeps to 1.1 of the 99th", () => {
    const hits = every(60, 10);
    const last = hits.at(-1) ?? 0;
    assert.deepEqual(warm(hybridHistogram, knob, hits).at(-1), {
      from: last + 54,
      to: last + 66,
    });
  });

  it("forecasts the next idle time within 15 % where most are longer than the histogram", () => {
    const hits = every(400, 9);
    const last = hits.at(-1) ?? 0;
    assert.deepEqual(warm(hybridHistogram, knob, hits).at(-1), {
      from: last + 340,
      to: last + 460,
    });
  });

  it("ends a window when the next call begins its own", () => {
    const hits = [...every(60, 10), 9 * 60 + 57];
    const before = warm(hybridHistogram, knob, hits).find(({ from }) => from === 9 * 60 + 54);
    assert.equal(before?.to, 9 * 60 + 57);
  });
});

describe("FFT", () => {
  // 5 harmonics, nothing kept after a use, threshold 0.5.
  const knob = fourier.knobs.indexOf("5 harmonics, 0 min, over 0.5");
  const hits = Array.from({ length: 36 }, (_, hour) =>
    Array.from({ length: 30 }, (_, minute) => hour * 60 + minute),
  ).flat();

  it("extrapolates a wave of an hour that it has seen for a day", () => {
    const spans = warm(fourier, knob, hits, 1_440).filter(({ from }) => from >= 1_500);
    assert.ok(spans.length >= 8, `${spans.length} spans`);
    for (const { from, to } of spans.slice(0, 8)) {
      assert.ok(Math.min(from % 60, 60 - (from % 60)) <= 2, `from ${from}`);
      assert.ok(Math.abs((to % 60) - 29) <= 2, `to ${to}`);
    }
  });

  it("says the same of an hour whatever comes in it and after it", () => {
    const until = (spans: readonly SlotSpan[]): SlotSpan[] =>
      spans
        .filter(({ from }) => from < 1_500)
        .map(({ from, to }) => ({ from, to: Math.min(to, 1_499) }));
    const earlier = hits.filter((slot) => slot < 1_440);
    assert.deepEqual(
      until(warm(fourier, knob, earlier, 1_440)),
      until(warm(fourier, knob, hits, 1_440)),
    );
  });
});
