/**
 * A small feed-forward network: evidence in, log odds of a call out. The weights are data; the command
 * that makes them again from traces stands in bench/.
 */
import { LayerStack } from "./layer-stack.ts";

export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Output by output: outputs × inputs. */
  readonly weights: Float32Array;
  readonly biases: Float32Array;
}

export interface NetworkWeights {
  /** Evidence is centred and scaled by these before the first layer. */
  readonly mean: Float32Array;
  readonly scale: Float32Array;
  readonly layers: readonly Layer[];
}

/** Evidence further from its mean than so many deviations says no more than at that distance. */
const evidenceClip = 4;

export class Network {
  /** Never changes; see FleetLearning for one that does. */
  readonly version = 0;
  readonly weights: NetworkWeights;
  readonly #stack: LayerStack;

  constructor(weights: NetworkWeights) {
    this.weights = weights;
    this.#stack = new LayerStack(sizesOf(weights), false);
    this.#stack.load(weights.layers);
  }

  /** Activations of the last hidden layer, from the latest `logit`. */
  get hidden(): Float32Array {
    return this.#stack.hidden;
  }

  logit(evidence: Float32Array): number {
    const { mean, scale } = this.weights;
    standardise(evidence, mean, scale, this.#stack.input);
    return this.#stack.forward();
  }
}

export function sizesOf({ mean, layers }: NetworkWeights): number[] {
  return [mean.length, ...layers.map(({ outputs }) => outputs)];
}

/** Tells weights apart: a hash (FNV-1a) over their bits, of 32 bits. */
export function printOf({ mean, scale, layers }: NetworkWeights): number {
  let hash = 0x81_1c_9d_c5;
  for (const part of [mean, scale, ...layers.flatMap((layer) => [layer.weights, layer.biases])])
    for (const bits of new Uint32Array(part.slice().buffer))
      hash = Math.imul(hash ^ bits, 0x01_00_01_93);
  return hash >>> 0;
}

/** @param from where in `evidence` it begins */
export function standardise(
  evidence: Float32Array,
  mean: Float32Array,
  scale: Float32Array,
  out: Float32Array,
  from = 0,
): void {
  for (let i = 0; i < mean.length; i += 1) {
    const value = ((evidence[from + i] ?? 0) - (mean[i] ?? 0)) * (scale[i] ?? 0);
    out[i] = value > evidenceClip ? evidenceClip : value < -evidenceClip ? -evidenceClip : value;
  }
}

/** As it stands in a file: numbers cut to five digits, so that the file stays small and diffs are stable. */
export interface StoredNetwork {
  readonly version: 1;
  readonly madeBy: string;
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly layers: readonly {
    readonly inputs: number;
    readonly outputs: number;
    readonly weights: readonly number[];
    readonly biases: readonly number[];
  }[];
}

export function storeNetwork(weights: NetworkWeights, madeBy: string): StoredNetwork {
  const cut = (values: Float32Array): number[] =>
    Array.from(values, (value) => Number(value.toPrecision(5)));
  return {
    version: 1,
    madeBy,
    mean: cut(weights.mean),
    scale: cut(weights.scale),
    layers: weights.layers.map((layer) => ({
      inputs: layer.inputs,
      outputs: layer.outputs,
      weights: cut(layer.weights),
      biases: cut(layer.biases),
    })),
  };
}

export function restoreNetwork(stored: StoredNetwork): NetworkWeights {
  return {
    mean: Float32Array.from(stored.mean),
    scale: Float32Array.from(stored.scale),
    layers: stored.layers.map((layer) => ({
      inputs: layer.inputs,
      outputs: layer.outputs,
      weights: Float32Array.from(layer.weights),
      biases: Float32Array.from(layer.biases),
    })),
  };
}
