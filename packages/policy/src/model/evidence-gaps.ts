/**
 * Evidence from the gaps between calls: of the gaps at least as long as the present one, the share that
 * ended here, or close to here; the same for two and three gaps together; and what followed gaps like the
 * newest ones.
 */
import type { CallView } from "./call-view.ts";
import { GapTable } from "./gap-table.ts";
import { gapsMax } from "./history.ts";
import { odds } from "./odds.ts";

const recentGaps = 8;
/** What a gap counts of the next more recent one: for exact hits, and for near ones. */
const fades = [0.94, 0.98];
const exactFade = 0;
const nearFade = 1;
const reaches = [2, 4, 8] as const;
const followersMax = 64;
/** Spans of several gaps that are looked at, the newest. */
const spansMax = 128;

/** Gaps that came after as many gaps like the newest. */
interface Followers {
  readonly order: number;
  readonly gaps: Int32Array;
  count: number;
}

export class GapHazards {
  readonly #gaps = new GapTable(gapsMax, fades);
  readonly #spans = [1, 2].map((order) => ({ order, table: new GapTable(spansMax) }));
  readonly #lengths = new Int32Array(spansMax);
  readonly #followers = [1, 2].map((order): Followers => ({
    order,
    gaps: new Int32Array(followersMax),
    count: 0,
  }));

  open(view: CallView): void {
    const { times, gaps, count } = view;
    const lengths = this.#lengths;
    this.#gaps.open(gaps, count);
    for (const { order, table } of this.#spans) {
      const spans = Math.min(spansMax, Math.max(0, count - order));
      for (let j = 0; j < spans; j += 1) lengths[j] = (times[j] ?? 0) - (times[j + order + 1] ?? 0);
      table.open(lengths, spans);
    }
    for (const list of this.#followers) this.#follow(view, list);
  }

  #follow({ gaps, count }: CallView, list: Followers): void {
    const { order, gaps: found } = list;
    const newest = gaps[0] ?? 0;
    const second = gaps[1] ?? 0;
    let known = 0;
    for (let j = 1; j + order - 1 < count && known < followersMax; j += 1) {
      if (!looselyAlike(gaps[j] ?? 0, newest)) continue;
      if (order === 2 && !looselyAlike(gaps[j + 1] ?? 0, second)) continue;
      found[known] = gaps[j - 1] ?? 0;
      known += 1;
    }
    list.count = known;
  }

  /** Of the gaps that reached so far, those that ended now. */
  readHazards(view: CallView, slot: number, out: Float32Array, from: number): number {
    const table = this.#gaps;
    const n = table.count;
    const age = slot - (view.times[0] ?? 0);
    const tenth = Math.max(1, Math.floor(age * 0.1));
    const atAge = table.below(age);
    const after = table.below(age + 1);
    const atLeast1 = n - table.below(age - 1);
    const near1 = table.below(age + 2) - (n - atLeast1);
    const belowTenth = table.below(age - tenth);
    const near10 = table.below(age + tenth + 1) - belowTenth;
    const soon = table.below(age + 5) - atAge;
    const weighted = table.weight(exactFade, atAge, n);
    let recent = 0;
    let recentHit = 0;
    let recentNear = 0;
    for (let j = 0; j < Math.min(recentGaps, n); j += 1) {
      const gap = view.gaps[j] ?? 0;
      if (gap >= age) recent += 1;
      if (gap === age) recentHit += 1;
      if (gap >= age - 1 && gap <= age + 1) recentNear += 1;
    }
    let i = from;
    out[i++] = odds(after - atAge, n - atAge);
    out[i++] = odds(near1 / 3, atLeast1);
    out[i++] = odds(near10 / (2 * tenth + 1), n - belowTenth);
    out[i++] = odds(soon / 5, n - atAge);
    out[i++] = Math.log(1 + n - atAge);
    out[i++] = n === 0 ? 0.5 : (n - atAge) / n;
    out[i++] = odds(table.weight(exactFade, atAge, after), weighted);
    out[i++] = Math.log(1 + weighted);
    out[i++] = odds(recentHit, recent);
    out[i++] = odds(recentNear / 3, recent);
    out[i++] = n === 0 ? 0.5 : recent / Math.min(recentGaps, n);
    for (const reach of reaches) {
      const low = table.below(age - reach);
      const near = table.weight(nearFade, low, table.below(age + reach + 1));
      out[i++] = odds(near / (2 * reach + 1), table.weight(nearFade, low, n));
    }
    return i;
  }

  /** The same of two gaps together, and of three, since the call before the last and the one before. */
  readSpans(view: CallView, slot: number, out: Float32Array, from: number): number {
    const { times } = view;
    let i = from;
    for (const { order, table } of this.#spans) {
      if (view.count <= order) {
        out.fill(-3, i, i + 3);
        i += 3;
        continue;
      }
      const age = slot - (times[order] ?? 0);
      const tenth = Math.max(1, Math.floor(age * 0.1));
      // A span that is no longer than what has passed with the newest call ended before.
      const possible = table.below((times[0] ?? 0) - (times[order] ?? 0) + 1);
      const atAge = table.below(age);
      const exact = table.below(age + 1) - atAge;
      const near = table.below(age + 2) - Math.max(possible, table.below(age - 1));
      const wide = table.below(age + tenth + 1) - Math.max(possible, table.below(age - tenth));
      const atLeast = table.count - atAge;
      out[i++] = odds(exact, atLeast);
      out[i++] = odds(near / 3, Math.max(atLeast, near));
      out[i++] = odds(wide / (2 * tenth + 1), Math.max(atLeast, wide));
    }
    return i;
  }

  /** What followed gaps that differ from the newest by up to a sixth: for schedules with much jitter. */
  readFollowers(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    const tenth = Math.max(2, Math.floor(age * 0.1));
    let i = from;
    for (const { gaps, count } of this.#followers) {
      let atLeast = 0;
      let near = 0;
      let wide = 0;
      for (let j = 0; j < count; j += 1) {
        const gap = gaps[j] ?? 0;
        if (gap >= age) atLeast += 1;
        const off = Math.abs(gap - age);
        if (off <= 1) near += 1;
        if (off <= tenth) wide += 1;
      }
      out[i++] = odds(near / 3, Math.max(atLeast, near));
      out[i++] = odds(wide / (2 * tenth + 1), Math.max(atLeast, wide));
      out[i++] = Math.log(1 + atLeast);
    }
    return i;
  }
}

function looselyAlike(a: number, b: number): boolean {
  return Math.abs(a - b) * 6 <= 6 + Math.min(a, b);
}
