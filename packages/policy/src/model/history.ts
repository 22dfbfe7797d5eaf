/**
 * What is remembered of one function's calls: the slots (minutes) in which any came, newest last, as a
 * ring of gaps that grows with use up to a bound. A function too busy for the ring to reach back a day
 * also keeps one bit a slot for the last day. A million of these must fit in one process.
 */

import type { GapPath } from "./gap-path.ts";

/** Slots with calls that are remembered one by one. */
export const gapsMax = 384;
/** Slots of the last day and some, one bit each, kept once the ring is full. */
export const bitWords = 48;
export const gapSlotsMax = 65_535;
const gapsNone = new Uint16Array(4);

/** A history as plain data, for the snapshot: gaps oldest first, bits as they stand in their ring. */
export interface StoredHistory {
  readonly firstSlot: number;
  readonly lastSlot: number;
  readonly total: number;
  readonly lastCount: number;
  readonly countLevel: number;
  readonly period: number;
  readonly periodSoughtAt: number;
  readonly bias: number;
  readonly learned: number;
  readonly loss: number;
  readonly rateLoss: number;
  readonly slotsSettled: number;
  readonly hitsSettled: number;
  readonly gaps: Uint16Array;
  readonly bits: Uint32Array;
}

/** From so many gaps of one slot on a function is steady. */
const steadySlots = 32;

export class CallHistory {
  /** First and newest slot with calls; −1 before the first. */
  firstSlot = -1;
  lastSlot = -1;
  /** Slots with calls, ever. */
  total = 0;
  /** Calls in the newest slot, and the damped mean of ln(1 + calls) over slots. */
  lastCount = 0;
  countLevel = 0;
  /** Period found by autocorrelation, 0 for none, and the total at which it was last sought. */
  period = 0;
  periodSoughtAt = 0;
  /** Correction of this function's forecasts, in log odds, and how much it rests on; see forecaster.ts. */
  bias = 0;
  learned = 0;
  /** How well the forecasts did lately against the mere rate of calls; see skill.ts. */
  loss = 0;
  rateLoss = 0;
  slotsSettled = 0;
  hitsSettled = 0;
  gapCount = 0;
  #head = 0;
  #gaps: Uint16Array = gapsNone;
  #bits: Uint32Array | undefined;
  #path: GapPath | undefined;
  /** A clone has the same rings: they are copied before one of both writes. */
  #isShared = true;

  /** `count` calls came in `slot`. Slots never go back; the same slot again adds to its count. */
  observe(slot: number, count: number): void {
    this.#path = undefined;
    if (this.total === 0) {
      this.firstSlot = slot;
      this.lastSlot = slot;
      this.total = 1;
      this.lastCount = count;
      return;
    }
    if (slot <= this.lastSlot) {
      this.lastCount += count;
      return;
    }
    this.countLevel += (Math.log(1 + this.lastCount) - this.countLevel) * 0.1;
    this.#own();
    this.#push(Math.min(gapSlotsMax, slot - this.lastSlot));
    if (this.#bits !== undefined) markBits(this.#bits, this.lastSlot, slot);
    else if (this.gapCount === gapsMax) this.#bits = this.#bitsOfRing(slot);
    this.lastSlot = slot;
    this.total += 1;
    this.lastCount = count;
  }

  /** What was forecast after these calls; a clone goes on to others, and has none. */
  get path(): GapPath | undefined {
    return this.#path;
  }

  set path(path: GapPath | undefined) {
    this.#path = path;
  }

  /** Gap `index` back from the newest: 0 is the newest. */
  gap(index: number): number {
    const size = this.#gaps.length;
    return this.#gaps[(this.#head - 1 - index + 2 * size) % size] ?? 0;
  }

  /** Of the newest gaps, how many follow one another without a slot between. */
  get unbroken(): number {
    return this.#unbrokenTo(this.gapCount);
  }

  /** The same; more than `most` are not counted. */
  #unbrokenTo(most: number): number {
    const ring = this.#gaps;
    let at = this.#head - 1;
    let count = 0;
    for (; count < most; count += 1) {
      if (at < 0) at += ring.length;
      if (ring[at] !== 1) break;
      at -= 1;
    }
    return count;
  }

  /** Called in each of so many of its latest slots: the next is as good as sure. */
  get isSteady(): boolean {
    return this.gapCount >= steadySlots && this.#unbrokenTo(steadySlots) === steadySlots;
  }

  /** Newest first: slots with calls into `times`, the gaps before them into `gaps`. Returns the gaps. */
  expand(times: Int32Array, gaps: Int32Array): number {
    const ring = this.#gaps;
    let at = this.#head - 1;
    let slot = this.lastSlot;
    times[0] = slot;
    for (let i = 0; i < this.gapCount; i += 1) {
      if (at < 0) at += ring.length;
      const gap = ring[at] ?? 0;
      gaps[i] = gap;
      slot -= gap;
      times[i + 1] = slot;
      at -= 1;
    }
    return this.gapCount;
  }

  /** Bits of the last day: bit x of `words` is slot `bitBase() + x`. */
  expandBits(words: Uint32Array, times: Int32Array): void {
    if (this.#bits !== undefined) {
      const first = (this.lastSlot >> 5) - bitWords + 1;
      for (let i = 0; i < bitWords; i += 1) words[i] = this.#bits[wrap(first + i)] ?? 0;
      return;
    }
    words.fill(0);
    const base = this.bitBase();
    for (let i = 0; i <= this.gapCount; i += 1) {
      const x = (times[i] ?? 0) - base;
      if (x < 0) break;
      words[x >> 5] = (words[x >> 5] ?? 0) | (1 << (x & 31));
    }
  }

  bitBase(): number {
    return ((this.lastSlot >> 5) - bitWords + 1) * 32;
  }

  /** Oldest first. @returns how many */
  copyGaps(out: Uint16Array): number {
    const ring = this.#gaps;
    const count = this.gapCount;
    const oldest = this.#head - count;
    if (oldest >= 0) {
      for (let i = 0; i < count; i += 1) out[i] = ring[oldest + i] ?? 0;
      return count;
    }
    for (let i = 0; i < -oldest; i += 1) out[i] = ring[ring.length + oldest + i] ?? 0;
    for (let i = 0; i < this.#head; i += 1) out[i - oldest] = ring[i] ?? 0;
    return count;
  }

  /** As they stand in their ring, not to be written to; undefined while there are none. */
  get bits(): Uint32Array | undefined {
    return this.#bits;
  }

  store(): StoredHistory {
    const gaps = new Uint16Array(this.gapCount);
    this.copyGaps(gaps);
    const { firstSlot, lastSlot, total, lastCount, countLevel } = this;
    const { period, periodSoughtAt, bias, learned } = this;
    const { loss, rateLoss, slotsSettled, hitsSettled } = this;
    const bits = this.#bits?.slice() ?? new Uint32Array(0);
    const calls = { firstSlot, lastSlot, total, lastCount, countLevel, period, periodSoughtAt };
    const lessons = { bias, learned, loss, rateLoss, slotsSettled, hitsSettled };
    return { ...calls, ...lessons, gaps, bits };
  }

  /** The same, to go on from: what is shared with others is never observed into. */
  clone(): CallHistory {
    const copy = new CallHistory();
    copyNumbers(this, copy);
    copy.gapCount = this.gapCount;
    copy.#head = this.#head;
    copy.#gaps = this.#gaps;
    copy.#bits = this.#bits;
    this.#isShared = true;
    return copy;
  }

  static restore(stored: StoredHistory): CallHistory {
    const { gaps, bits } = stored;
    const history = new CallHistory();
    copyNumbers(stored, history);
    const room = roomFor(gaps.length);
    history.#gaps = new Uint16Array(room);
    history.#gaps.set(gaps);
    history.#isShared = false;
    history.gapCount = gaps.length;
    history.#head = gaps.length % room;
    if (bits.length > 0) history.#bits = bits.slice();
    return history;
  }

  /** Bytes of the rings; the numbers beside them are a hundred more. */
  get bytes(): number {
    return this.#gaps.byteLength + (this.#bits?.byteLength ?? 0);
  }

  #own(): void {
    if (!this.#isShared) return;
    this.#gaps = this.#gaps.slice();
    this.#bits = this.#bits?.slice();
    this.#isShared = false;
  }

  #push(gap: number): void {
    if (this.gapCount === this.#gaps.length && this.#gaps.length < gapsMax) {
      const grown = new Uint16Array(Math.min(gapsMax, this.#gaps.length * 2));
      this.copyGaps(grown);
      this.#gaps = grown;
      this.#head = this.gapCount;
    }
    this.#gaps[this.#head] = gap;
    this.#head = (this.#head + 1) % this.#gaps.length;
    this.gapCount = Math.min(this.gapCount + 1, this.#gaps.length);
  }

  #bitsOfRing(newest: number): Uint32Array {
    const bits = new Uint32Array(bitWords);
    let slot = newest;
    const oldest = ((newest >> 5) - bitWords + 1) * 32;
    for (let i = 0; i <= this.gapCount && slot >= oldest; i += 1) {
      const word = wrap(slot >> 5);
      bits[word] = (bits[word] ?? 0) | (1 << (slot & 31));
      slot -= this.gap(i);
    }
    return bits;
  }
}

/** Of a ring that has grown by doubling to hold so many. */
function roomFor(count: number): number {
  let room = gapsNone.length;
  while (room < count) room *= 2;
  return Math.min(gapsMax, room);
}

/** One by one: to copy whatever fields there are takes many times as long, and this is done for each call. */
function copyNumbers(from: Omit<StoredHistory, "gaps" | "bits">, to: CallHistory): void {
  to.firstSlot = from.firstSlot;
  to.lastSlot = from.lastSlot;
  to.total = from.total;
  to.lastCount = from.lastCount;
  to.countLevel = from.countLevel;
  to.period = from.period;
  to.periodSoughtAt = from.periodSoughtAt;
  to.bias = from.bias;
  to.learned = from.learned;
  to.loss = from.loss;
  to.rateLoss = from.rateLoss;
  to.slotsSettled = from.slotsSettled;
  to.hitsSettled = from.hitsSettled;
}

function markBits(bits: Uint32Array, last: number, slot: number): void {
  const from = Math.max((last >> 5) + 1, (slot >> 5) - bitWords + 1);
  for (let word = from; word <= slot >> 5; word += 1) bits[wrap(word)] = 0;
  const word = wrap(slot >> 5);
  bits[word] = (bits[word] ?? 0) | (1 << (slot & 31));
}

function wrap(word: number): number {
  return ((word % bitWords) + bitWords) % bitWords;
}
