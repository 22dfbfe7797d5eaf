/**
 * Goes on learning on the fleet that is served: a copy of the shipped weights, moved by the outcomes of this
 * shard's own forecasts, step by step. The shipped weights stay its anchor: the copy is drawn back to them, kept
 * within a bound of them, and forecasts only while it does better. Forecasts change in editions, ever seldomer,
 * since all that was forecast before is made anew. The same outcomes in the same order give the same
 * editions, and so the same forecasts wherever the shard goes.
 */
import { LayerStack, type Trained } from "./layer-stack.ts";
import { Network, sizesOf, standardise, type NetworkWeights } from "./network.ts";

/** What makes log odds of evidence. */
export interface Weigher {
  /** The edition: raised whenever the same evidence may give other odds than before. */
  readonly version: number;
  logit(evidence: Float32Array): number;
}

/** As plain data, for the snapshot. */
export interface StoredLearning {
  /** Of the anchor: what was learned on other weights is of no use. */
  readonly anchor: number;
  readonly version: number;
  readonly isTrusted: boolean;
  readonly steps: number;
  readonly nextEdition: number;
  readonly waiting: number;
  readonly learnedLoss: number;
  readonly anchorLoss: number;
  /** Weights of the latest edition; as they stand; sums of squared slopes; slopes that wait for the next step. */
  readonly edition: Float32Array;
  readonly values: Float32Array;
  readonly squares: Float32Array;
  readonly slopes: Float32Array;
}

/** Outcomes of one step. */
const stepOutcomes = 64;
const rate = 0.03;
/** Added to the root of the squares, so that the first steps are small. */
const squaresPrior = 1;
/** Share of the way back to its anchor that each weight goes in a step. */
const pull = 1e-4;
/** No weight goes further from its anchor. */
const moveMax = 1;
/** Share of the losses that still counts one outcome later. */
const lossKept = 0.999;
/** Of outcomes that were foreseen, one in so many is learned from; of surprises, more. */
const foreseenShare = 1 / 32;
/** After so many steps each moves little: of the outcomes that would be learned from, one in so many is. */
const seasonedSteps = 4_096;
const seasonedShare = 1 / 4;
const certaintyMax = 1e-4;
/** After so many steps more, as a share of those before, there is a new edition. */
const editionShare = 0.02;

export class FleetLearning implements Weigher {
  /** False while outcomes come that it has learned from already. */
  isLearning = true;
  readonly #weights: NetworkWeights;
  readonly #anchor: Network;
  readonly #stack: LayerStack;
  readonly #edition: LayerStack;
  readonly #parts: readonly Part[];
  readonly #print: number;
  #version = 0;
  #isTrusted = false;
  #steps = 0;
  #nextEdition = 1;
  #waiting = 0;
  #learnedLoss = 0;
  #anchorLoss = 0;

  constructor(anchor: NetworkWeights) {
    this.#weights = anchor;
    this.#anchor = new Network(anchor);
    this.#stack = new LayerStack(sizesOf(anchor), true);
    this.#stack.load(anchor.layers);
    this.#edition = new LayerStack(sizesOf(anchor), false);
    this.#edition.load(anchor.layers);
    this.#parts = this.#stack.trained().map((part) => ({
      ...part,
      anchor: part.values.slice(),
      squares: new Float32Array(part.values.length),
    }));
    this.#print = fingerprint(this.#parts.map(({ values }) => values));
  }

  get version(): number {
    return this.#version;
  }

  /** Whether what was learned forecasts, and not the shipped weights. */
  get isTrusted(): boolean {
    return this.#isTrusted;
  }

  /** Learned from so far. */
  get outcomes(): number {
    return this.#steps * stepOutcomes + this.#waiting;
  }

  logit(evidence: Float32Array): number {
    return this.#isTrusted ? this.#by(this.#edition, evidence) : this.#anchor.logit(evidence);
  }

  /**
   * How much the outcome of a forecast counts when it is learned from; 0 when it is not. The more it surprises,
   * the likelier it is drawn, and the less it counts: on the whole all count alike.
   * @param draw 0 to 1, the same for the same outcome wherever it is looked at
   */
  drawn(probability: number, isHit: boolean, draw: number): number {
    const share = Math.max(foreseenShare, Math.abs((isHit ? 1 : 0) - probability));
    const taken = this.#steps < seasonedSteps ? share : share * seasonedShare;
    return draw < taken ? 1 / share : 0;
  }

  observe(evidence: Float32Array, isHit: boolean, weight: number): void {
    const anchored = probabilityOf(this.#anchor.logit(evidence));
    const learned = probabilityOf(this.#by(this.#stack, evidence));
    this.#anchorLoss = this.#anchorLoss * lossKept + weight * surprise(anchored, isHit);
    this.#learnedLoss = this.#learnedLoss * lossKept + weight * surprise(learned, isHit);
    this.#stack.gather((learned - (isHit ? 1 : 0)) * weight);
    this.#waiting += 1;
    if (this.#waiting < stepOutcomes) return;
    for (const part of this.#parts) step(part);
    this.#waiting = 0;
    this.#steps += 1;
    if (this.#steps >= this.#nextEdition) this.#publish();
  }

  #publish(): void {
    const learned = this.#stack.values();
    for (const [i, values] of this.#edition.values().entries()) values.set(learned[i] ?? values);
    this.#version += 1;
    this.#isTrusted = this.#learnedLoss < this.#anchorLoss;
    this.#nextEdition = this.#steps + Math.max(1, Math.ceil(this.#steps * editionShare));
  }

  store(): StoredLearning {
    return {
      anchor: this.#print,
      version: this.#version,
      isTrusted: this.#isTrusted,
      steps: this.#steps,
      nextEdition: this.#nextEdition,
      waiting: this.#waiting,
      learnedLoss: this.#learnedLoss,
      anchorLoss: this.#anchorLoss,
      edition: joined(this.#edition.values()),
      values: joined(this.#parts.map(({ values }) => values)),
      squares: joined(this.#parts.map(({ squares }) => squares)),
      slopes: joined(this.#parts.map(({ slopes }) => slopes)),
    };
  }

  /** @returns false when it was learned on other shipped weights: then all begins anew */
  restore(stored: StoredLearning): boolean {
    const { edition, values, squares, slopes } = stored;
    const size = this.#parts.reduce((sum, part) => sum + part.values.length, 0);
    const fits = [edition, values, squares, slopes].every(({ length }) => length === size);
    if (stored.anchor !== this.#print || !fits) return false;
    const editions = this.#edition.values();
    let at = 0;
    for (const [i, part] of this.#parts.entries()) {
      const end = at + part.values.length;
      editions[i]?.set(edition.subarray(at, end));
      part.values.set(values.subarray(at, end));
      part.squares.set(squares.subarray(at, end));
      part.slopes.set(slopes.subarray(at, end));
      at = end;
    }
    this.#version = stored.version;
    this.#isTrusted = stored.isTrusted;
    this.#steps = stored.steps;
    this.#nextEdition = stored.nextEdition;
    this.#waiting = stored.waiting;
    this.#learnedLoss = stored.learnedLoss;
    this.#anchorLoss = stored.anchorLoss;
    return true;
  }

  #by(stack: LayerStack, evidence: Float32Array): number {
    const { mean, scale } = this.#weights;
    standardise(evidence, mean, scale, stack.input);
    return stack.forward();
  }
}

interface Part extends Trained {
  readonly anchor: Float32Array;
  readonly squares: Float32Array;
}

/** Each weight by its slope over what its slopes have been: those that seldom matter move as far as others. */
function step({ values, slopes, squares, anchor }: Part): void {
  for (let i = 0; i < values.length; i += 1) {
    const slope = slopes[i] ?? 0;
    const square = (squares[i] ?? 0) + slope * slope;
    const fixed = anchor[i] ?? 0;
    const moved = (values[i] ?? 0) - fixed - (rate * slope) / (Math.sqrt(square) + squaresPrior);
    const drawnBack = moved * (1 - pull);
    values[i] = fixed + Math.min(moveMax, Math.max(-moveMax, drawnBack));
    squares[i] = square;
    slopes[i] = 0;
  }
}

function probabilityOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

function surprise(probability: number, isHit: boolean): number {
  const bounded = Math.min(1 - certaintyMax, Math.max(certaintyMax, probability));
  return -Math.log(isHit ? bounded : 1 - bounded);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Tells weights apart: a hash (FNV-1a) over their bits. */
function fingerprint(parts: readonly Float32Array[]): number {
  let hash = 0x81_1c_9d_c5;
  for (const part of parts)
    for (const bits of new Uint32Array(part.slice().buffer))
      hash = Math.imul(hash ^ bits, 0x01_00_01_93);
  return hash >>> 0;
}
