/** Evidence from the slots themselves: what came whenever the last few slots looked as they do now. */
import type { CallView } from "./call-view.ts";
import { odds, ones } from "./odds.ts";

const contextLengths = [4, 8, 12] as const;
const longestContext = 12;

export class SlotContexts {
  /** Of the slots before: 0 where a call came, all bits where none did. */
  readonly #flips = new Int32Array(longestContext + 1);
  /** By context: trials and hits, and where the latest slots are all quiet, those until the next call. */
  readonly #trials = new Int32Array(contextLengths.length);
  readonly #hits = new Int32Array(contextLengths.length);
  readonly #isQuiet = new Uint8Array(contextLengths.length);

  open(): void {
    this.#isQuiet.fill(0);
  }

  /** Whenever the last slots looked as they do now, how often a call came next. */
  read(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    let isKnown = true;
    for (const [order, length] of contextLengths.entries())
      if (age <= length || this.#isQuiet[order] !== 1) isKnown = false;
    if (!isKnown) this.#match(view, slot, age);
    let i = from;
    for (const [order, length] of contextLengths.entries()) {
      // Slots after the newest call that were quiet, and followed quiet ones.
      const since = Math.max(0, age - 1 - length);
      const trials = (this.#trials[order] ?? 0) + since;
      out[i++] = odds(this.#hits[order] ?? 0, trials);
      out[i++] = Math.log(1 + trials);
    }
    return i;
  }

  /** Each context is the one before with more slots: one walk over the bits finds them all. */
  #match(view: CallView, slot: number, age: number): void {
    const flips = this.#flips;
    for (let j = 1; j <= longestContext; j += 1) flips[j] = view.hit(slot - j) === 1 ? 0 : -1;
    const first = Math.max(0, view.history.firstSlot - view.base);
    const last = view.history.lastSlot - view.base;
    this.#trials.fill(0);
    this.#hits.fill(0);
    for (const [order, length] of contextLengths.entries())
      this.#isQuiet[order] = age > length ? 1 : 0;
    const { words } = view;
    for (let w = first >> 5; w <= last >> 5; w += 1) this.#matchWord(words, w, first, last);
  }

  /** Where in one word each context was seen before, and how often a call came then. */
  #matchWord(words: Uint32Array, w: number, first: number, last: number): void {
    const flips = this.#flips;
    const word = words[w] ?? 0;
    const before = w === 0 ? 0 : (words[w - 1] ?? 0);
    // Slots of which so many before them are known.
    let alike = w === last >> 5 && (last & 31) < 31 ? (1 << ((last & 31) + 1)) - 1 : -1;
    let looked = 0;
    for (let order = 0; order < contextLengths.length; order += 1) {
      const length = contextLengths[order] ?? 0;
      for (let j = looked + 1; j <= length; j += 1)
        alike &= ((word << j) | (before >>> (32 - j))) ^ (flips[j] ?? 0);
      // Each context is the one before with more slots.
      if (alike === 0) return;
      looked = length;
      const known = first + length;
      const bits = w > known >> 5 ? alike : w === known >> 5 ? alike & (-1 << (known & 31)) : 0;
      if (bits === 0) continue;
      this.#trials[order] = (this.#trials[order] ?? 0) + ones(bits);
      this.#hits[order] = (this.#hits[order] ?? 0) + ones(bits & word);
    }
  }
}
