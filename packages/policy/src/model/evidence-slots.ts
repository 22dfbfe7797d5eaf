/** Evidence from the slots themselves: what came whenever the last few slots looked as they do now. */
import type { CallView } from "./call-view.ts";
import { bitWords } from "./history.ts";
import { odds, ones } from "./odds.ts";

const contextLengths = [4, 8, 12] as const;

export class SlotContexts {
  readonly #mask = new Uint32Array(bitWords);
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

  /** Each context is the one before with more slots: one walk back finds them all. */
  #match(view: CallView, slot: number, age: number): void {
    const { words } = view;
    const mask = this.#mask;
    mask.fill(0xffffffff);
    let looked = 0;
    for (const [order, length] of contextLengths.entries()) {
      for (let j = looked + 1; j <= length; j += 1) {
        const flip = view.hit(slot - j) === 1 ? 0 : -1;
        let before = 0;
        for (let w = 0; w < bitWords; w += 1) {
          const word = words[w] ?? 0;
          const shifted = (word << j) | (before >>> (32 - j));
          mask[w] = (mask[w] ?? 0) & (shifted ^ flip);
          before = word;
        }
      }
      looked = length;
      this.#isQuiet[order] = age > length ? 1 : 0;
      this.#count(view, order, length);
    }
  }

  /** Trials and hits of a context within the bits. */
  #count(view: CallView, order: number, length: number): void {
    const { words } = view;
    const mask = this.#mask;
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
    this.#trials[order] = trials;
    this.#hits[order] = hits;
  }
}
