/**
 * When one function was called, as far back as is remembered: the newest ticks to the millisecond, what lies
 * before them by slots. One view serves all functions, one after the other.
 */
import { gapsMax } from "../model/history.ts";
import type { SlotMemory } from "../model/memory.ts";
import { withinSlot } from "../model/phase.ts";
import { ticksMax, type Tick } from "../periodicity/history.ts";

export class Instants {
  /** Newest first; the first `exactCount` of them are ticks. */
  readonly atMs = new Float64Array(ticksMax + gapsMax + 1);
  count = 0;
  exactCount = 0;
  /** A call that is known by its slot alone came so far beside its instant at most. */
  slotBesideMs = 0;
  #ticks: readonly Tick[] = [];
  readonly #slots = new Int32Array(gapsMax + 1);
  readonly #gaps = new Int32Array(gapsMax);

  open(ticks: readonly Tick[], memory: SlotMemory): void {
    const { slotMs } = memory;
    this.#ticks = ticks;
    const known = Math.min(ticks.length, ticksMax);
    for (let i = 0; i < known; i += 1) this.atMs[i] = ticks[ticks.length - 1 - i]?.atMs ?? 0;
    this.exactCount = known;
    this.count = known;
    const oldestMs = this.atMs[known - 1] ?? Number.POSITIVE_INFINITY;
    const { fromMs, toMs } = withinSlot(memory.phase, slotMs);
    const middleMs = (fromMs + toMs) / 2;
    this.slotBesideMs = (toMs - fromMs) / 2;
    const gaps = memory.calls.expand(this.#slots, this.#gaps);
    for (let i = 0; i <= gaps; i += 1) {
      const slotAtMs = (this.#slots[i] ?? 0) * slotMs;
      if (slotAtMs + slotMs > oldestMs) continue;
      this.atMs[this.count] = slotAtMs + middleMs;
      this.count += 1;
    }
  }

  at(index: number): number {
    return this.atMs[index] ?? 0;
  }

  /** Calls at once, of a tick. */
  countAt(index: number): number {
    return this.#ticks[this.#ticks.length - 1 - index]?.count ?? 1;
  }

  get oldestMs(): number {
    return this.at(this.count - 1);
  }

  /** Of the newest at or before `atMs`; `count` where there is none. */
  indexAtOrBefore(atMs: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle) <= atMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The nearest to `atMs` that lies within `reachMs`, wider where it is known by its slot; −1 for none. */
  nearest(atMs: number, reachMs: number): number {
    const before = this.indexAtOrBefore(atMs);
    const after = before - 1;
    const beforeMs = before < this.count ? atMs - this.at(before) : Number.POSITIVE_INFINITY;
    const afterMs = after >= 0 ? this.at(after) - atMs : Number.POSITIVE_INFINITY;
    const index = afterMs < beforeMs ? after : before;
    return index < this.count && this.asideMs(index, atMs) <= reachMs ? index : -1;
  }

  /** How far one of them is from `atMs`, at least: it may have come anywhere where it is known by its slot. */
  asideMs(index: number, atMs: number): number {
    const aside = Math.abs(this.at(index) - atMs);
    return index < this.exactCount ? aside : Math.max(0, aside - this.slotBesideMs);
  }
}
