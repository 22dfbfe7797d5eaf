/**
 * The probabilities of the slots after a function's newest call, if none comes in them. They follow from
 * the history alone, so they are made once, where they are asked for, and kept with the history, which is packed
 * away with them. Who replays the same calls under other terms finds them again by what the history has come to.
 */
import { markDue, soonSlots } from "./due.ts";
import { isPeriodSought } from "./evidence.ts";
import { Forecaster } from "./forecaster.ts";
import type { FleetLearning } from "./fleet-learning.ts";
import type { GapPath } from "./gap-path.ts";
import type { CallHistory } from "./history.ts";
import { Network, printOf, type NetworkWeights } from "./network.ts";

/** Slots that are marked due or quiet at once, after the first, which are due in any case. */
const markedSlots = 64;
/** Odds of a call of a steady function in its next slot, over its slots in a row: what came of them. */
const steadyOdds = 2.5;
/** Paths that are kept for other replays of the same calls: those made last. */
const pathsKeptMax = 32_768;
/** Editions of the same weights are told apart up to so many. */
const editionsMax = 2 ** 20;

export class GapPaths {
  readonly #forecaster: Forecaster;
  readonly #fleet: FleetLearning | undefined;
  /** By fingerprint; of what learns there are none, since it replays nothing. */
  readonly #paths: Map<string, GapPath> | undefined;
  readonly #weights: number;
  readonly #due = new Uint8Array(markedSlots);
  #opened: CallHistory | undefined;

  /** @param fleet goes on learning from the weights' forecasts, and forecasts with them */
  constructor(weights: NetworkWeights, fleet?: FleetLearning) {
    this.#fleet = fleet;
    this.#paths = fleet === undefined ? new Map() : undefined;
    this.#weights = printOf(weights);
    this.#forecaster = new Forecaster(fleet ?? new Network(weights));
  }

  /** Probability of a call in the slot `ahead` ≥ 1 after the newest with calls; 0 where nothing is due. */
  at(calls: CallHistory, ahead: number): number {
    const value = this.#valueAt(calls, ahead);
    if (!Number.isNaN(value)) return value;
    // As it is kept, so that it is the same when it is found again.
    const made = Math.fround(this.#made(calls, ahead));
    const path = this.#pathOf(calls);
    path.values[ahead - 1] = made;
    path.isNew = true;
    return made;
  }

  #made(calls: CallHistory, ahead: number): number {
    if (isPlain(calls, ahead))
      return 1 / (1 + Math.exp(-calls.bias) / (steadyOdds * calls.unbroken));
    this.#open(calls);
    return this.#forecaster.probability(calls.lastSlot + ahead);
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
      const { values } = this.#pathOf(calls);
      const end = Math.min(last, values.length);
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
    if (isPlain(calls, ahead)) return;
    const weight = fleet.drawn(this.at(calls, ahead), isHit, drawOf(calls, ahead));
    if (weight === 0) return;
    this.#open(calls);
    fleet.observe(this.#forecaster.evidence(calls.lastSlot + ahead), isHit, weight);
  }

  #valueAt(calls: CallHistory, ahead: number): number {
    const path = this.#pathOf(calls);
    while (path.values.length < ahead) this.#mark(calls, path);
    return path.values[ahead - 1] ?? 0;
  }

  #mark(calls: CallHistory, path: GapPath): void {
    const marked = path.values.length;
    path.isNew = true;
    if (marked === 0) {
      path.values = new Float32Array(soonSlots).fill(Number.NaN);
      return;
    }
    const due = this.#due;
    this.#open(calls);
    markDue(this.#forecaster.view, calls.lastSlot + 1 + marked, due);
    const values = new Float32Array(marked + markedSlots);
    values.set(path.values);
    for (let i = 0; i < markedSlots; i += 1) values[marked + i] = due[i] === 1 ? Number.NaN : 0;
    path.values = values;
  }

  #open(calls: CallHistory): void {
    if (this.#opened === calls) return;
    this.#forecaster.open(calls);
    this.#opened = calls;
  }

  /** Other weights make other paths. */
  #pathOf(calls: CallHistory): GapPath {
    const edition = this.#weights * editionsMax + ((this.#fleet?.version ?? 0) % editionsMax);
    const { path: kept } = calls;
    if (kept?.edition === edition) return kept;
    const path = this.#shared(calls, { edition, values: pathNone, isNew: true });
    calls.path = path;
    return path;
  }

  /** That of the same history before, where it is known. */
  #shared(calls: CallHistory, begun: GapPath): GapPath {
    const paths = this.#paths;
    if (paths === undefined) return begun;
    const key = fingerprint(calls);
    const known = paths.get(key);
    if (known !== undefined) return known;
    paths.set(key, begun);
    if (paths.size > pathsKeptMax)
      for (const oldest of paths.keys()) {
        paths.delete(oldest);
        break;
      }
    return begun;
  }
}

/** Needs no network to be told. */
function isPlain(calls: CallHistory, ahead: number): boolean {
  return ahead === 1 && calls.isSteady;
}

const pathNone = new Float32Array(0);

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
