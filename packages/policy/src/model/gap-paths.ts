/**
 * The probabilities of the slots after a function's newest call, if none comes in them. They follow from
 * the history alone, so they are made once, where they are asked for, and kept while there is room: found
 * again by what the history has come to, since histories are packed away and unpacked between two calls.
 */
import { markDue } from "./due.ts";
import { isPeriodSought } from "./evidence.ts";
import { Forecaster } from "./forecaster.ts";
import type { CallHistory } from "./history.ts";
import type { FleetLearning } from "./fleet-learning.ts";
import { Network, type NetworkWeights } from "./network.ts";

/** Slots that are marked due or quiet at once: few at first, since most functions are called again soon. */
const markedSlotsFirst = 16;
const markedSlots = 64;
/** Paths kept: those made last. Of weights that learn there are as many sets as shards in a process. */
const pathsKeptMax = 32_768;
const fleetPathsKeptMax = 4_096;

interface Path {
  /** By slots after the newest call, less one; NaN where one is due and not yet made. */
  values: Float32Array;
  marked: number;
}

export class GapPaths {
  readonly #forecaster: Forecaster;
  readonly #paths = new Map<string, Path>();
  readonly #fleet: FleetLearning | undefined;
  readonly #keptMax: number;
  /** Of the weights that the paths were made with. */
  #edition = 0;
  readonly #due = new Uint8Array(markedSlots);
  #opened: CallHistory | undefined;
  #latest: { readonly calls: CallHistory; readonly path: Path } | undefined;

  /** @param fleet goes on learning from the weights' forecasts, and forecasts with them */
  constructor(weights: NetworkWeights, fleet?: FleetLearning) {
    this.#fleet = fleet;
    this.#keptMax = fleet === undefined ? pathsKeptMax : fleetPathsKeptMax;
    this.#forecaster = new Forecaster(fleet ?? new Network(weights));
  }

  /** Probability of a call in the slot `ahead` ≥ 1 after the newest with calls; 0 where nothing is due. */
  at(calls: CallHistory, ahead: number): number {
    const value = this.#valueAt(calls, ahead);
    if (!Number.isNaN(value)) return value;
    this.#open(calls);
    // As it is kept, so that it is the same when it is found again.
    const made = Math.fround(this.#forecaster.probability(calls.lastSlot + ahead));
    this.#pathOf(calls).values[ahead - 1] = made;
    return made;
  }

  /** Whether a call is due at all in that slot. */
  isDue(calls: CallHistory, ahead: number): boolean {
    return this.#valueAt(calls, ahead) !== 0;
  }

  /** How many slots from `ahead` on are not due, one after the other; those beyond `last` are not counted. */
  quietFrom(calls: CallHistory, ahead: number, last: number): number {
    let slot = ahead;
    while (slot <= last) {
      if (this.#valueAt(calls, slot) !== 0) break;
      const { values, marked } = this.#pathOf(calls);
      const end = Math.min(last, marked);
      slot += 1;
      while (slot <= end && values[slot - 1] === 0) slot += 1;
      if (slot <= end) break;
    }
    return slot - ahead;
  }

  /** Where a history has grown enough for it; part of what its forecasts follow from. */
  seekPeriod(calls: CallHistory): void {
    if (isPeriodSought(calls)) this.#open(calls);
  }

  /** The slot has passed, with or without a call: what was forecast of it is learned from. */
  learn(calls: CallHistory, ahead: number, isHit: boolean): void {
    const fleet = this.#fleet;
    if (fleet === undefined || !fleet.isLearning || !this.isDue(calls, ahead)) return;
    const weight = fleet.drawn(this.at(calls, ahead), isHit, drawOf(calls, ahead));
    if (weight === 0) return;
    this.#open(calls);
    fleet.observe(this.#forecaster.evidence(calls.lastSlot + ahead), isHit, weight);
  }

  #valueAt(calls: CallHistory, ahead: number): number {
    this.#renew();
    const path = this.#pathOf(calls);
    while (path.marked < ahead) this.#mark(calls, path);
    return path.values[ahead - 1] ?? 0;
  }

  /** Other weights make other paths. */
  #renew(): void {
    const edition = this.#fleet?.version ?? 0;
    if (edition === this.#edition) return;
    this.#edition = edition;
    this.#paths.clear();
    this.#latest = undefined;
  }

  #mark(calls: CallHistory, path: Path): void {
    this.#open(calls);
    const count = path.marked === 0 ? markedSlotsFirst : markedSlots;
    const due = this.#due.subarray(0, count);
    markDue(this.#forecaster.view, calls.lastSlot + 1 + path.marked, due);
    if (path.values.length < path.marked + count) {
      const grown = new Float32Array(Math.max(path.marked + count, path.values.length * 2));
      grown.set(path.values);
      path.values = grown;
    }
    for (let i = 0; i < count; i += 1) path.values[path.marked + i] = due[i] === 1 ? Number.NaN : 0;
    path.marked += count;
  }

  #open(calls: CallHistory): void {
    if (this.#opened === calls) return;
    this.#forecaster.open(calls);
    this.#opened = calls;
  }

  #pathOf(calls: CallHistory): Path {
    if (this.#latest?.calls === calls) return this.#latest.path;
    const key = fingerprint(calls);
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = { values: new Float32Array(0), marked: 0 };
      this.#paths.set(key, path);
      if (this.#paths.size > this.#keptMax)
        for (const oldest of this.#paths.keys()) {
          this.#paths.delete(oldest);
          break;
        }
    }
    this.#latest = { calls, path };
    return path;
  }
}

/** Two histories that agree in all of these have had the same calls: each outcome has moved the sums. */
function fingerprint(calls: CallHistory): string {
  const { firstSlot, lastSlot, total, lastCount, countLevel, bias, rateLoss } = calls;
  return `${lastSlot} ${total} ${firstSlot} ${lastCount} ${countLevel} ${bias} ${rateLoss}`;
}

/** Between 0 and 1, and for the same slot of the same function always the same. */
function drawOf({ firstSlot, total }: CallHistory, ahead: number): number {
  let hash = Math.imul(firstSlot ^ Math.imul(total, 0x9e37_79b1), 0x85eb_ca6b) ^ ahead;
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2_ae35);
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4_eb2f);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
