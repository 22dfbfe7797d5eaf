/**
 * The probabilities of the slots after a function's newest call, if none comes in them. They follow from
 * the history alone, so they are made once, where they are asked for, and kept while there is room.
 */
import { markDue } from "./due.ts";
import { Forecaster } from "./forecaster.ts";
import type { CallHistory } from "./history.ts";
import type { NetworkWeights } from "./network.ts";

/** Slots that are marked due or quiet at once. */
const markedSlots = 64;
/** Paths kept: those of the functions that were asked for last. */
const pathsKeptMax = 512;

interface Path {
  /** By slots after the newest call, less one; NaN where one is due and not yet made. */
  values: Float32Array;
  marked: number;
}

export class GapPaths {
  readonly #forecaster: Forecaster;
  readonly #paths = new Map<CallHistory, Path>();
  readonly #due = new Uint8Array(markedSlots);
  #opened: CallHistory | undefined;

  constructor(weights: NetworkWeights) {
    this.#forecaster = new Forecaster(weights);
  }

  /** Probability of a call in the slot `ahead` ≥ 1 after the newest with calls; 0 where nothing is due. */
  at(calls: CallHistory, ahead: number): number {
    const value = this.#valueAt(calls, ahead);
    if (!Number.isNaN(value)) return value;
    this.#open(calls);
    const made = this.#forecaster.probability(calls.lastSlot + ahead);
    this.#pathOf(calls).values[ahead - 1] = made;
    return made;
  }

  /** Whether a call is due at all in that slot. */
  isDue(calls: CallHistory, ahead: number): boolean {
    return this.#valueAt(calls, ahead) !== 0;
  }

  #valueAt(calls: CallHistory, ahead: number): number {
    const path = this.#pathOf(calls);
    while (path.marked < ahead) this.#mark(calls, path);
    return path.values[ahead - 1] ?? 0;
  }

  #mark(calls: CallHistory, path: Path): void {
    this.#open(calls);
    markDue(this.#forecaster.view, calls.lastSlot + 1 + path.marked, this.#due);
    if (path.values.length < path.marked + markedSlots) {
      const grown = new Float32Array(Math.max(markedSlots, path.values.length * 2));
      grown.set(path.values);
      path.values = grown;
    }
    for (const [i, isDue] of this.#due.entries())
      path.values[path.marked + i] = isDue === 1 ? Number.NaN : 0;
    path.marked += markedSlots;
  }

  #open(calls: CallHistory): void {
    if (this.#opened === calls) return;
    this.#forecaster.open(calls);
    this.#opened = calls;
  }

  #pathOf(calls: CallHistory): Path {
    let path = this.#paths.get(calls);
    if (path !== undefined) return path;
    path = { values: new Float32Array(0), marked: 0 };
    this.#paths.set(calls, path);
    if (this.#paths.size > pathsKeptMax)
      for (const oldest of this.#paths.keys()) {
        this.#paths.delete(oldest);
        break;
      }
    return path;
  }
}
