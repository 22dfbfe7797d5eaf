/**
 * One function's history laid out for looking back: slots with calls and gaps newest first, and the bits of
 * the last day. One view serves all functions, one after the other.
 */
import { bitWords, CallHistory, gapsMax } from "./history.ts";
import { ones } from "./odds.ts";

export class CallView {
  /** Slots with calls, newest first: `count` + 1 of them; and the gap before each but the oldest. */
  readonly times = new Int32Array(gapsMax + 1);
  readonly gaps = new Int32Array(gapsMax);
  /** Bit x of the words is slot `base` + x. */
  readonly words = new Uint32Array(bitWords);
  history = new CallHistory();
  count = 0;
  base = 0;

  open(history: CallHistory): void {
    this.history = history;
    this.count = history.expand(this.times, this.gaps);
    this.gaps.fill(0, this.count); // those of another function
    history.expandBits(this.words, this.times);
    this.base = history.bitBase();
  }

  /** Whether a call came in `slot`: 1 or 0; −1 if that is no longer or not yet known. */
  hit(slot: number): number {
    const { history } = this;
    if (slot < history.firstSlot) return -1;
    if (slot > history.lastSlot) return 0;
    const x = slot - this.base;
    if (x >= 0) return ((this.words[x >> 5] ?? 0) >>> (x & 31)) & 1;
    if (slot < (this.times[this.count] ?? 0)) return -1;
    const at = this.indexAtOrBefore(slot);
    return this.times[at] === slot ? 1 : 0;
  }

  /** Whether any came within `reach` of `slot`: 1 or 0; −1 if that is no longer or not yet known. */
  near(slot: number, reach: number): number {
    const { history } = this;
    const first = slot - reach;
    const last = Math.min(slot + reach, history.lastSlot);
    if (slot + reach < history.firstSlot) return -1;
    if (first > last) return 0;
    if (first >= this.base) return this.#anyBit(first - this.base, last - this.base) ? 1 : 0;
    if (last < (this.times[this.count] ?? 0)) return -1;
    return (this.times[this.indexAtOrBefore(last)] ?? 0) >= first ? 1 : 0;
  }

  /** Whether one of the bits from `first` to `last` is set. */
  #anyBit(first: number, last: number): boolean {
    const { words } = this;
    const end = last >> 5;
    for (let word = first >> 5; word <= end; word += 1) {
      let bits = words[word] ?? 0;
      if (word === first >> 5) bits &= -1 << (first & 31);
      if (word === end) bits &= -1 >>> (31 - (last & 31));
      if (bits !== 0) return true;
    }
    return false;
  }

  /** Index into the (newest first) times of the newest at or before `slot`. */
  indexAtOrBefore(slot: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.times[middle] ?? 0) <= slot) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  countSince(slot: number): number {
    const x = Math.max(0, slot - this.base);
    let count = 0;
    for (let word = x >> 5; word < bitWords; word += 1) {
      let bits = this.words[word] ?? 0;
      if (word === x >> 5) bits &= -1 << (x & 31);
      count += ones(bits);
    }
    return count;
  }
}
