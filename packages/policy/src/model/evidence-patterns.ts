/**
 * Evidence from the pattern of recent gaps: their most frequent length, what followed the last gap, the
 * last two and three before, and the age of the function and its rates. Summed up once a call.
 */
import type { CallView } from "./call-view.ts";
import { odds } from "./odds.ts";

const rateWindows = [3, 10, 30, 60, 240, 1440] as const;
/** For each window, by calls in it. */
const rates = rateWindows.map((window) =>
  Float64Array.from({ length: window + 1 }, (_, count) => Math.log((count + 0.2) / window)),
);
const matchMax = 8;
const followersMax = 64;
const medianOf = 32;

export class GapPatterns {
  #mode = 0;
  #modeExact = 0;
  #modeNear = 0;
  #median = 0;
  #mean = 0;
  #spread = 0;
  #matchLength = 0;
  #matchGap = 0;
  /** Logarithms of what stays the same for all slots after a call. */
  readonly #logs = new Float64Array(4);
  #logTotal = 0;
  #logLastCount = 0;
  readonly #follow = [1, 2, 3].map(() => new Int32Array(followersMax));
  readonly #sorted = new Int32Array(medianOf);
  #followCount = [0, 0, 0];

  open(view: CallView): void {
    this.#summarise(view);
    this.#contexts(view);
    this.#logs[0] = Math.log(1 + this.#mean);
    this.#logs[1] = Math.log(1 + this.#median);
    this.#logs[2] = Math.log(1 + (view.gaps[0] ?? 0));
    this.#logs[3] = Math.log(1 + (view.gaps[1] ?? 0));
    this.#logTotal = Math.log(view.history.total);
    this.#logLastCount = Math.log(1 + view.history.lastCount);
  }

  readAges(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    let i = from;
    out[i++] = Math.log(age);
    out[i++] = age === 1 ? 1 : 0;
    out[i++] = Math.log(age / (this.#mean + 1));
    out[i++] = Math.log(age / (this.#median + 1));
    out[i++] = this.#logs[0] ?? 0;
    out[i++] = this.#logs[1] ?? 0;
    out[i++] = this.#spread;
    out[i++] = this.#logs[2] ?? 0;
    out[i++] = this.#logs[3] ?? 0;
    out[i++] = this.#logTotal;
    out[i++] = Math.log(1 + slot - view.history.firstSlot);
    out[i++] = this.#logLastCount;
    out[i++] = view.history.countLevel;
    let at = 0;
    for (let w = 0; w < rateWindows.length; w += 1) {
      const window = rateWindows[w] ?? 0;
      while (at <= view.count && (view.times[at] ?? 0) >= slot - window) at += 1;
      let count = at;
      if (at > view.count && window > slot - (view.times[view.count] ?? 0))
        count = view.countSince(slot - window);
      out[i++] = rates[w]?.[count] ?? 0;
    }
    return i;
  }

  readModal(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    const mode = this.#mode;
    let i = from;
    out[i++] = this.#modeExact;
    out[i++] = this.#modeNear;
    if (mode === 0) {
      out.fill(0, i, i + 5);
      return i + 5;
    }
    const phase = age % mode;
    const distance = Math.min(phase, mode - phase);
    out[i++] = distance === 0 ? 1 : 0;
    out[i++] = distance <= 1 ? 1 : 0;
    out[i++] = distance / mode;
    let seen = 0;
    let hits = 0;
    let nears = 0;
    for (let k = 1; k <= 6; k += 1) {
      const hit = view.hit(slot - k * mode);
      if (hit < 0) break;
      seen += 1;
      hits += hit;
      nears += view.near(slot - k * mode, 1) > 0 ? 1 : 0;
    }
    out[i++] = odds(hits, seen);
    out[i++] = odds(nears, seen);
    return i;
  }

  readFollowers(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    let i = from;
    for (let order = 0; order < 3; order += 1) {
      const list = this.#follow[order] ?? view.gaps;
      const count = this.#followCount[order] ?? 0;
      let atLeast = 0;
      let exact = 0;
      let near = 0;
      for (let j = 0; j < count; j += 1) {
        const gap = list[j] ?? 0;
        if (gap >= age) atLeast += 1;
        if (gap === age) exact += 1;
        if (gap >= age - 1 && gap <= age + 1) near += 1;
      }
      out[i++] = odds(exact, atLeast);
      out[i++] = odds(near / 3, Math.max(atLeast, near));
      out[i++] = Math.log(1 + atLeast);
    }
    const off = age - this.#matchGap;
    out[i++] = this.#matchLength / matchMax;
    out[i++] = this.#matchLength > 0 && off === 0 ? 1 : 0;
    out[i++] = this.#matchLength > 0 && Math.abs(off) <= 1 ? 1 : 0;
    out[i++] =
      this.#matchLength > 0 ? Math.max(-1, Math.min(1, off / (1 + 0.1 * this.#matchGap))) : 0;
    return i;
  }

  #summarise(view: CallView): void {
    const span = Math.min(16, view.count);
    const { gaps } = view;
    let best = 0;
    this.#mode = 0;
    this.#modeExact = 0;
    this.#modeNear = 0;
    let sum = 0;
    let square = 0;
    for (let i = 0; i < span; i += 1) {
      const gap = gaps[i] ?? 0;
      let exact = 0;
      let near = 0;
      for (let j = 0; j < span; j += 1) {
        const distance = Math.abs((gaps[j] ?? 0) - gap);
        if (distance === 0) exact += 1;
        if (distance <= 1) near += 1;
      }
      const score = exact + near - i * 0.01;
      if (score > best) {
        best = score;
        this.#mode = gap;
        this.#modeExact = exact / span;
        this.#modeNear = near / span;
      }
      sum += gap;
      square += gap * gap;
    }
    this.#mean = span === 0 ? 0 : sum / span;
    const variance = span === 0 ? 0 : Math.max(0, square / span - this.#mean ** 2);
    this.#spread = span === 0 ? 0 : Math.sqrt(variance) / (this.#mean + 0.1);
    this.#median = this.#middle(gaps, Math.min(medianOf, view.count));
  }

  /** The median of the first gaps: few, and put in order one by one. */
  #middle(gaps: Int32Array, count: number): number {
    const sorted = this.#sorted;
    for (let i = 0; i < count; i += 1) {
      const gap = gaps[i] ?? 0;
      let at = i;
      for (; at > 0 && (sorted[at - 1] ?? 0) > gap; at -= 1) sorted[at] = sorted[at - 1] ?? 0;
      sorted[at] = gap;
    }
    return count === 0 ? 0 : (sorted[count >> 1] ?? 0);
  }

  /** What followed the last gap, the last two and three, before; and the longest match of all. */
  #contexts(view: CallView): void {
    const { gaps } = view;
    const n = view.count;
    this.#followCount = [0, 0, 0];
    this.#matchLength = 0;
    this.#matchGap = 0;
    let bestScore = 0;
    const newest = gaps[0] ?? 0;
    for (let i = 1; i < n && (this.#followCount[2] ?? 0) < followersMax; i += 1) {
      if (!alike(gaps[i] ?? 0, newest)) continue;
      let length = 1;
      while (length < matchMax && i + length < n && alike(gaps[i + length] ?? 0, gaps[length] ?? 0))
        length += 1;
      const next = gaps[i - 1] ?? 0;
      for (let order = 1; order <= 3 && order <= length; order += 1) {
        const at = this.#followCount[order - 1] ?? 0;
        const list = this.#follow[order - 1];
        if (list === undefined || at >= followersMax) continue;
        list[at] = next;
        this.#followCount[order - 1] = at + 1;
      }
      if (length > bestScore) {
        bestScore = length;
        this.#matchLength = length;
        this.#matchGap = next;
      }
    }
  }
}

/** Within a twenty-fifth, and equal below that. */
function alike(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) * 25 <= Math.min(a, b);
}
