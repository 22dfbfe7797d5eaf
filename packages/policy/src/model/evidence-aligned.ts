/**
 * Evidence from earlier rounds laid beside this one: each says when, after the newest call, the next one
 * would come if this round went as that one did. The same hazard as of gaps, over these.
 */
import type { CallView } from "./call-view.ts";
import { odds } from "./odds.ts";

const roundsMax = 14;
/** What a round counts of the one after it. */
const fade = 0.85;
const reaches = [1, 4, 12, 30] as const;
/** Nearest of the expected calls, of so many rounds; further ones are taken to be so far. */
const roundsNear = 4;
const farSlots = 60;
/** A call of an earlier round is the newest one's match within so many slots. */
const matchSlots = 45;

export class AlignedRounds {
  readonly #period: number;
  /** Slots from the newest call to the next, as from its match in that round; and by that round's clock. */
  readonly #byMatch = new Int32Array(roundsMax);
  readonly #byClock = new Int32Array(roundsMax);
  #count = 0;
  /** How much later the newest call came than its match in the last round. */
  #shift = 0;

  /** @param period of a round, in slots */
  constructor(period: number) {
    this.#period = period;
  }

  open(view: CallView): void {
    const period = this.#period;
    this.#count = 0;
    this.#shift = 0;
    const { times } = view;
    const last = times[0] ?? 0;
    const oldest = times[view.count] ?? 0;
    for (let k = 1; k <= roundsMax; k += 1) {
      const then = last - k * period;
      if (then < oldest - matchSlots) break;
      const before = view.indexAtOrBefore(then);
      const below = then - (times[before] ?? 0);
      const afterAt = below >= 0 ? before - 1 : before;
      const after = times[afterAt] ?? last;
      const isBelow = below >= 0 && below <= after - then;
      const match = isBelow ? before : afterAt;
      const distance = isBelow ? below : after - then;
      const hasMatch = match > 0 && distance <= matchSlots;
      const next = hasMatch ? (times[match - 1] ?? 0) : after;
      if (hasMatch && k === 1) this.#shift = then - (times[match] ?? 0);
      this.#byMatch[this.#count] = next - (hasMatch ? (times[match] ?? 0) : then);
      this.#byClock[this.#count] = next - then;
      this.#count += 1;
    }
  }

  read(view: CallView, slot: number, out: Float32Array, from: number): number {
    const age = slot - (view.times[0] ?? 0);
    let i = this.#hazard(this.#byMatch, age, out, from);
    i = this.#hazard(this.#byClock, age, out, i);
    let nearest = farSlots;
    for (let k = 0; k < Math.min(roundsNear, this.#count); k += 1) {
      const off = age - (this.#byClock[k] ?? 0);
      if (Math.abs(off) < Math.abs(nearest)) nearest = off;
    }
    out[i++] = signedLog(nearest);
    out[i++] = signedLog(this.#shift);
    return i;
  }

  #hazard(expected: Int32Array, age: number, out: Float32Array, from: number): number {
    const [exact, close, loose, wide] = reaches;
    let atLeast = 0;
    let atLeastLoose = 0;
    let exactHits = 0;
    let closeHits = 0;
    let looseHits = 0;
    let wideHits = 0;
    let weight = 1;
    for (let k = 0; k < this.#count; k += 1) {
      const gap = expected[k] ?? 0;
      const off = Math.abs(gap - age);
      if (gap >= age - exact) atLeast += weight;
      if (gap >= age - loose) atLeastLoose += weight;
      if (off <= exact) exactHits += weight;
      if (off <= close) closeHits += weight;
      if (off <= loose) looseHits += weight;
      if (off <= wide) wideHits += weight;
      weight *= fade;
    }
    let i = from;
    out[i++] = odds(exactHits / (2 * exact + 1), Math.max(atLeast, exactHits));
    out[i++] = odds(closeHits / (2 * close + 1), Math.max(atLeastLoose, closeHits));
    out[i++] = odds(looseHits / (2 * loose + 1), Math.max(atLeastLoose, looseHits));
    out[i++] = odds(wideHits / (2 * wide + 1), Math.max(atLeastLoose, wideHits));
    out[i++] = Math.log(0.1 + atLeast);
    return i;
  }
}

function signedLog(value: number): number {
  return Math.sign(value) * Math.log(1 + Math.abs(value));
}
