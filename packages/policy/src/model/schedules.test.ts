/** What the shipped weights make of schedules that people have: the slots that are due stand out from the others. */
import assert from "node:assert/strict";

import { seededRandom } from "../seeded-random.ts";
import { GapPaths } from "./gap-paths.ts";
import { CallHistory } from "./history.ts";
import { shippedWeights } from "./weights.ts";

const hour = 60;
const day = 24 * hour;
const week = 7 * day;

/** The probability of each slot after the newest call up to before `to`, if none comes. */
function forecast(slots: readonly number[], to: number): (slot: number) => number {
  const calls = new CallHistory();
  for (const slot of slots) calls.observe(slot, 1);
  const paths = new GapPaths(shippedWeights());
  const values = Array.from({ length: to - calls.lastSlot - 1 }, (_, i) => paths.at(calls, i + 1));
  return (slot) => values[slot - calls.lastSlot - 1] ?? 0;
}

/** That a call comes in one of the slots, if none comes before. */
function within(of: (slot: number) => number, from: number, to: number): number {
  let none = 1;
  for (let slot = from; slot <= to; slot += 1) none *= 1 - of(slot);
  return 1 - none;
}

function daily(days: number, minutes: readonly number[], jitter = 0): number[] {
  const random = seededRandom(3);
  const slots: number[] = [];
  for (let n = 0; n < days; n += 1)
    for (const minute of minutes)
      slots.push(n * day + minute + Math.floor(random() * (jitter + 1)));
  return slots;
}

describe("shipped weights, on schedules", () => {
  it("expect a job of weekdays on Monday, and on a Sunday hardly", () => {
    const weekdays = daily(26, [9 * hour], 2).filter((slot) => Math.floor(slot / day) % 7 < 5);
    const of = forecast(weekdays, 4 * week + day); // known up to the fourth Friday
    const at = (of9: number): number => within(of, of9 - 3, of9 + 6);
    const [sunday, monday] = [at(27 * day + 9 * hour), at(28 * day + 9 * hour)];
    assert.ok(monday > 0.6 && sunday < 0.3, `Sunday ${sunday}, Monday ${monday}`);
  });

  it("tell the phases of a day apart", () => {
    const known = daily(12, [9 * hour, 9 * hour + 20, 10 * hour]);
    const second = 11 * day + 9 * hour + 20;
    const midway = forecast(
      known.filter((slot) => slot <= second),
      second + 2 * hour,
    );
    assert.ok(midway(second + 40) > 0.5);
    assert.ok(within(midway, second + 1, second + 39) < 0.1);
    const overnight = forecast(known, 12 * day + 10 * hour);
    assert.ok(overnight(12 * day + 9 * hour) > 0.5);
    assert.ok(within(overnight, 11 * day + 11 * hour, 12 * day + 9 * hour - 5) < 0.1);
  });

  it("follow two periods at once", () => {
    const slots = new Set<number>();
    for (let slot = 0; slot < 4 * day; slot += 45) slots.add(slot);
    for (let slot = 7; slot < 4 * day; slot += 60) slots.add(slot);
    const all = [...slots].sort((a, b) => a - b);
    let due = 0;
    let other = 0;
    let sure = 0;
    for (const [index, next] of all.entries()) {
      if (next < 3 * day || next >= 3 * day + 6 * hour) continue;
      const known = all.slice(0, index);
      const of = forecast(known, next + 1);
      due += 1;
      if (of(next) > 0.3) sure += 1;
      other += within(of, (known.at(-1) ?? 0) + 1, next - 1);
    }
    assert.ok(sure / due > 0.8, `${sure} of ${due}`);
    assert.ok(other / due < 0.5, `${other / due}`);
  });

  it("give up an old period for a new one, and one that has ended", () => {
    const before = Array.from({ length: 40 }, (_, i) => i * 60);
    const end = before.at(-1) ?? 0;
    assert.ok(forecast(before, end + 61)(end + 60) > 0.8);
    const after = Array.from({ length: 12 }, (_, i) => end + (i + 1) * 25);
    const last = after.at(-1) ?? 0;
    const changed = forecast([...before, ...after], last + 61);
    assert.ok(changed(last + 25) > 0.1);
    const ended = forecast(before, end + 2 * day);
    const ticks = [1, 4, 10, 40].map((n) => ended(end + n * 60));
    for (const [i, probability] of ticks.slice(1).entries())
      assert.ok(probability < (ticks[i] ?? 0), ticks.join(" "));
    assert.ok((ticks[2] ?? 1) < 0.3, ticks.join(" "));
  });

  it("follow a burst to its end, and expect the next", () => {
    const slots = Array.from({ length: 120 }, (_, i) => Math.floor(i / 4) * 90 + (i % 4));
    const midst = forecast(slots.slice(0, -2), 30 * 90);
    assert.ok(midst(29 * 90 + 2) > 0.8);
    const ended = forecast(slots, 31 * 90);
    assert.ok(ended(30 * 90) > 0.5);
    assert.ok(within(ended, 29 * 90 + 4, 30 * 90 - 1) < 0.3);
  });
});
