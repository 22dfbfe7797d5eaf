/**
 * Trains the network by Adam on log loss. Everything random comes from one seed, all sums run in one
 * order: the same samples give the same weights.
 */
import { evidenceCount, LayerStack, Network, standardise } from "@tidepool/policy/model";
import type { Layer, NetworkWeights, Trained } from "@tidepool/policy/model";
import type { Samples } from "./samples.ts";
import { seededRandom } from "@tidepool/policy";

export interface TrainOptions {
  readonly hidden: readonly number[];
  /** Passes over the samples, in draws. */
  readonly passes: number;
  readonly batch: number;
  readonly rate: number;
  /** Pull of the weights towards zero, a step, as a share of the rate. */
  readonly decay: number;
  readonly seed: number;
  /** Samples of this fold are left out; −1 for none. */
  readonly without: number;
  /** What others make of each sample, by set; half of what is learned is that instead of what came. */
  readonly taught?: readonly Float32Array[];
}

const momentum = 0.9;
const momentumSquare = 0.999;
const rateEnd = 1e-5;
const taughtShare = 0.5;
/** Of the samples, one in so many is looked at for means and scales. */
const momentsStep = 7;

export function train(
  sets: readonly Samples[],
  options: TrainOptions,
  onProgress: (share: number) => void = () => {},
): NetworkWeights {
  const random = seededRandom(options.seed);
  const draw = sampler(sets, options.without, random);
  const { mean, scale } = momentsOf(sets, options.without);
  const sizes = [evidenceCount, ...options.hidden, 1];
  const stack = new LayerStack(sizes, true);
  stack.load(firstLayers(sizes, Math.log(draw.hitShare / (1 - draw.hitShare)), random));
  const adams = stack.trained().map((part) => new Adam(part, part.isBias ? 0 : options.decay));
  const steps = Math.floor((options.passes * draw.count) / options.batch);
  for (let step = 0; step < steps; step += 1) {
    const rate = options.rate * 0.5 * (1 + Math.cos((Math.PI * step) / steps)) + rateEnd;
    for (let b = 0; b < options.batch; b += 1) {
      const { set, place, index, weight } = draw.next();
      standardise(set.evidence, mean, scale, stack.input, index * evidenceCount);
      const probability = 1 / (1 + Math.exp(-stack.forward()));
      const hit = set.hit[index] ?? 0;
      const taught = options.taught?.[place]?.[index] ?? hit;
      const target = hit + (taught - hit) * taughtShare;
      stack.gather(((probability - target) * weight) / options.batch);
    }
    for (const adam of adams) adam.step(rate, step + 1);
    if (step % 256 === 0) onProgress(step / steps);
  }
  return { mean, scale, layers: stack.store() };
}

/** The probability of each sample by several networks together, by set. */
export function teach(
  sets: readonly Samples[],
  teachers: readonly NetworkWeights[],
): Float32Array[] {
  const networks = teachers.map((weights) => new Network(weights));
  return sets.map(({ count, evidence }) =>
    Float32Array.from({ length: count }, (_, index) => {
      const from = index * evidenceCount;
      const given = evidence.subarray(from, from + evidenceCount);
      const logit = networks.reduce((sum, network) => sum + network.logit(given), 0);
      return 1 / (1 + Math.exp(-logit / networks.length));
    }),
  );
}

/** Drawn so that values keep their size from layer to layer; the output begins at the usual log odds. */
function firstLayers(sizes: readonly number[], usual: number, random: () => number): Layer[] {
  return sizes.slice(1).map((outputs, index) => {
    const inputs = sizes[index] ?? 0;
    const isLast = index === sizes.length - 2;
    const spread = Math.sqrt(2 / inputs) * (isLast ? 0.1 : 1);
    const weights = Float32Array.from({ length: inputs * outputs }, () => {
      const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return normal * spread;
    });
    return { inputs, outputs, weights, biases: new Float32Array(outputs).fill(isLast ? usual : 0) };
  });
}

class Adam {
  readonly #values: Float32Array;
  readonly #slopes: Float32Array;
  readonly #decay: number;
  readonly #first: Float32Array;
  readonly #second: Float32Array;

  constructor({ values, slopes }: Trained, decay: number) {
    this.#values = values;
    this.#slopes = slopes;
    this.#decay = decay;
    this.#first = new Float32Array(values.length);
    this.#second = new Float32Array(values.length);
  }

  step(rate: number, count: number): void {
    const first = this.#first;
    const second = this.#second;
    const correctFirst = 1 / (1 - momentum ** count);
    const correctSecond = 1 / (1 - momentumSquare ** count);
    for (let i = 0; i < this.#values.length; i += 1) {
      const slope = this.#slopes[i] ?? 0;
      const m = momentum * (first[i] ?? 0) + (1 - momentum) * slope;
      const v = momentumSquare * (second[i] ?? 0) + (1 - momentumSquare) * slope * slope;
      first[i] = m;
      second[i] = v;
      const value = this.#values[i] ?? 0;
      const move = (m * correctFirst) / (Math.sqrt(v * correctSecond) + 1e-8) + this.#decay * value;
      this.#values[i] = value - rate * move;
      this.#slopes[i] = 0;
    }
  }
}

/** Draws samples by the root of their weight; what remains of the weight goes into the slope. */
function sampler(sets: readonly Samples[], without: number, random: () => number) {
  const places: { set: Samples; from: number }[] = [];
  let total = 0;
  for (const set of sets) {
    places.push({ set, from: total });
    total += set.count;
  }
  const sums = new Float64Array(total);
  let sum = 0;
  let count = 0;
  let weights = 0;
  let hits = 0;
  for (const { set, from } of places)
    for (let i = 0; i < set.count; i += 1) {
      const weight = set.fold[i] === without ? 0 : (set.weight[i] ?? 0);
      if (weight > 0) count += 1;
      weights += weight;
      hits += weight * (set.hit[i] ?? 0);
      sum += Math.sqrt(weight);
      sums[from + i] = sum;
    }
  const meanWeight = weights / count;
  const meanRoot = sum / count;
  return {
    count,
    hitShare: hits / weights,
    next(): { set: Samples; place: number; index: number; weight: number } {
      const at = lowerBound(sums, random() * sum);
      const place = places.findLastIndex(({ from }) => from <= at);
      const found = places[place];
      if (found === undefined) throw new RangeError("no samples to draw from");
      const index = at - found.from;
      const weight = found.set.weight[index] ?? 0;
      return { set: found.set, place, index, weight: (Math.sqrt(weight) / meanWeight) * meanRoot };
    },
  };
}

function lowerBound(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function momentsOf(
  sets: readonly Samples[],
  without: number,
): { mean: Float32Array; scale: Float32Array } {
  const sum = new Float64Array(evidenceCount);
  const square = new Float64Array(evidenceCount);
  let count = 0;
  for (const set of sets)
    for (let index = 0; index < set.count; index += momentsStep) {
      if (set.fold[index] === without) continue;
      count += 1;
      for (let i = 0; i < evidenceCount; i += 1) {
        const value = set.evidence[index * evidenceCount + i] ?? 0;
        sum[i] = (sum[i] ?? 0) + value;
        square[i] = (square[i] ?? 0) + value * value;
      }
    }
  const mean = Float32Array.from(sum, (value) => value / count);
  const scale = Float32Array.from(square, (value, i) => {
    const variance = Math.max(0, value / count - (mean[i] ?? 0) ** 2);
    return 1 / (Math.sqrt(variance) + 1e-3);
  });
  return { mean, scale };
}
