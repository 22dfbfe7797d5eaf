/**
 * Evidence from the slots themselves: what came whenever the last few slots looked as they do now, and how
 * often recent calls were followed by one just as much later.
 */
import type { CallView } from "./call-view.ts";
import { bitWords } from "./history.ts";
import { odds, ones } from "./odds.ts";

const contextLengths = [4, 8, 12] as const;
const recentArrivals = 8;
const pairArrivals = 96;

export class SlotContexts {
  readonly #mask = new Uint32Array(bitWords);
  /** By context: what follows slots that are all quiet, which does not change until the next call. */
  #quiet: number[] = [];

  open(): void {
    this.#quiet = [];
  }

  /** Whenever the last slots looked as they do now, how often a call came next. */
  read(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    let i = from;
    for (const [order, length] of contextLengths.entries()) {
      let trials = 0;
      let hits = 0;
      if (age > length) {
        let cached = this.#quiet[order];
        if (cached === undefined) {
          cached = this.#match(view, slot, length);
          this.#quiet[order] = cached;
        }
        hits = cached % 4096;
        trials = (cached - hits) / 4096 + age - 1 - length;
      } else {
        const found = this.#match(view, slot, length);
        hits = found % 4096;
        trials = (found - hits) / 4096;
      }
      out[i++] = odds(hits, trials);
      out[i++] = Math.log(1 + trials);
    }
    return i;
  }

  /** Trials × 4096 + hits within the bits. */
  #match(view: CallView, slot: number, length: number): number {
    const words = view.words;
    const mask = this.#mask;
    mask.fill(0xffffffff);
    for (let j = 1; j <= length; j += 1) {
      const flip = view.hit(slot - j) === 1 ? 0 : -1;
      let before = 0;
      for (let w = 0; w < bitWords; w += 1) {
        const word = words[w] ?? 0;
        const shifted = (word << j) | (before >>> (32 - j));
        mask[w] = (mask[w] ?? 0) & (shifted ^ flip);
        before = word;
      }
    }
    const first = Math.max(0, view.history.firstSlot - view.base) + length;
    const last = view.history.lastSlot - view.base;
    let trials = 0;
    let hits = 0;
    for (let w = first >> 5; w <= last >> 5; w += 1) {
      let bits = mask[w] ?? 0;
      if (w === first >> 5) bits &= -1 << (first & 31);
      if (w === last >> 5 && (last & 31) < 31) bits &= (1 << ((last & 31) + 1)) - 1;
      if (bits === 0) continue;
      trials += ones(bits);
      hits += ones(bits & (words[w] ?? 0));
    }
    return trials * 4096 + hits;
  }
}

/** For each recent arrival: how often one was followed by another exactly as much later as now. */
export function pairs(view: CallView, slot: number, out: Float32Array, from: number): number {
  const { times } = view;
  const count = Math.min(pairArrivals, view.count + 1);
  let bestExact = -9;
  let bestNear = -9;
  let sum = 0;
  const used = Math.min(recentArrivals, count);
  for (let j = 0; j < used; j += 1) {
    const lag = slot - (times[j] ?? 0);
    let ahead = 0;
    let exact = 0;
    let near = 0;
    let trials = 0;
    for (let b = 1; b < count; b += 1) {
      const target = (times[b] ?? 0) + lag;
      if (target >= slot) continue;
      trials += 1;
      while (ahead < count && (times[ahead] ?? 0) > target + 1) ahead += 1;
      let isExact = 0;
      let isNear = 0;
      for (let k = ahead; k < count && (times[k] ?? 0) >= target - 1; k += 1) {
        isNear = 1;
        if (times[k] === target) isExact = 1;
      }
      exact += isExact;
      near += isNear;
    }
    const exactOdds = odds(exact, trials);
    if (exactOdds > bestExact) bestExact = exactOdds;
    const nearOdds = odds(near / 2, trials);
    if (nearOdds > bestNear) bestNear = nearOdds;
    sum += exactOdds;
  }
  let i = from;
  out[i++] = bestExact;
  out[i++] = bestNear;
  out[i++] = used === 0 ? 0 : sum / used;
  return i;
}
