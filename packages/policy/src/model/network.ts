/**
 * A small feed-forward network: evidence in, log odds of a call out. The weights are data; the command
 * that makes them again from traces stands in bench/.
 */

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
export const evidenceClip = 4;

export class Network {
  readonly weights: NetworkWeights;
  /** Activations of the last hidden layer, from the latest `logit`. */
  readonly hidden: Float32Array;
  readonly #values: readonly Float32Array[];

  constructor(weights: NetworkWeights) {
    this.weights = weights;
    this.#values = [
      new Float32Array(weights.mean.length),
      ...weights.layers.map((layer) => new Float32Array(layer.outputs)),
    ];
    this.hidden = this.#values.at(-2) ?? new Float32Array(0);
  }

  logit(evidence: Float32Array): number {
    const { mean, scale, layers } = this.weights;
    const input = this.#values[0] ?? new Float32Array(0);
    standardise(evidence, mean, scale, input);
    for (const [index, layer] of layers.entries())
      forward(
        layer,
        this.#values[index] ?? input,
        this.#values[index + 1] ?? input,
        index + 1 < layers.length,
      );
    return this.#values.at(-1)?.[0] ?? 0;
  }
}

export function standardise(
  evidence: Float32Array,
  mean: Float32Array,
  scale: Float32Array,
  out: Float32Array,
): void {
  for (let i = 0; i < out.length; i += 1) {
    const value = ((evidence[i] ?? 0) - (mean[i] ?? 0)) * (scale[i] ?? 0);
    out[i] = value > evidenceClip ? evidenceClip : value < -evidenceClip ? -evidenceClip : value;
  }
}

export function forward(
  layer: Layer,
  from: Float32Array,
  to: Float32Array,
  isHidden: boolean,
): void {
  const { weights, biases, inputs, outputs } = layer;
  const whole = inputs - (inputs % 4);
  let at = 0;
  for (let o = 0; o < outputs; o += 1) {
    let a = biases[o] ?? 0;
    let b = 0;
    let c = 0;
    let d = 0;
    let i = 0;
    for (; i < whole; i += 4) {
      a += (weights[at] ?? 0) * (from[i] ?? 0);
      b += (weights[at + 1] ?? 0) * (from[i + 1] ?? 0);
      c += (weights[at + 2] ?? 0) * (from[i + 2] ?? 0);
      d += (weights[at + 3] ?? 0) * (from[i + 3] ?? 0);
      at += 4;
    }
    for (; i < inputs; i += 1) {
      a += (weights[at] ?? 0) * (from[i] ?? 0);
      at += 1;
    }
    const sum = a + b + c + d;
    to[o] = isHidden && sum < 0 ? 0 : sum;
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
