/**
 * The layers of a network in the vector kernel's memory: hidden ones that keep what is above zero, and one
 * output. The same stack forecasts and is trained; one that is trained also has the slopes of the error.
 */
import type { Layer } from "./network.ts";
import { KernelMemory, outputStep, type Kernel } from "./vector-kernel.ts";

interface HiddenLayer {
  /** Input by input, filled up to whole steps. */
  readonly weights: Float32Array;
  readonly biases: Float32Array;
  readonly from: Float32Array;
  readonly to: Float32Array;
}

/** Of the error summed since they were cleared, by each weight; as the weights stand. */
interface Slopes {
  readonly weights: Float32Array;
  readonly biases: Float32Array;
  /** The error at the layer's outputs. */
  readonly error: Float32Array;
}

/** What can be adjusted, and by which slope. */
export interface Trained {
  readonly values: Float32Array;
  readonly slopes: Float32Array;
  readonly isBias: boolean;
}

export class LayerStack {
  /** To be filled before `forward`. */
  readonly input: Float32Array;
  /** Outputs of the last hidden layer. */
  readonly hidden: Float32Array;
  readonly #sizes: readonly number[];
  readonly #kernel: Kernel;
  readonly #layers: readonly HiddenLayer[];
  readonly #slopes: readonly Slopes[];
  readonly #last: { readonly weights: Float32Array; readonly bias: Float32Array };
  readonly #lastSlopes: { readonly weights: Float32Array; readonly bias: Float32Array };

  /** @param sizes evidence, hidden layers, and the one output */
  constructor(sizes: readonly number[], isTrained: boolean) {
    this.#sizes = sizes;
    const widths = sizes.slice(0, -1).map((size, i) => (i === 0 ? size : wholeSteps(size)));
    const products = widths.slice(1).map((width, i) => width * (widths[i] ?? 0));
    const floats = sum(products) + 4 * sum(widths) + 2;
    const memory = new KernelMemory(floats * (isTrained ? 2 : 1), 12 * sizes.length);
    this.#kernel = memory.kernel;
    const values = widths.map((width) => memory.take(width));
    const nothing = new Float32Array(0);
    this.input = values[0] ?? nothing;
    this.hidden = values.at(-1) ?? nothing;
    this.#layers = widths.slice(1).map((width, i) => ({
      weights: memory.take(products[i] ?? 0),
      biases: memory.take(width),
      from: values[i] ?? nothing,
      to: values[i + 1] ?? nothing,
    }));
    const lastOf = () => ({ weights: memory.take(this.hidden.length), bias: memory.take(1) });
    this.#last = lastOf();
    this.#lastSlopes = isTrained ? lastOf() : { weights: nothing, bias: nothing };
    this.#slopes = (isTrained ? this.#layers : []).map(({ weights, biases }) => ({
      weights: memory.take(weights.length),
      biases: memory.take(biases.length),
      error: memory.take(biases.length),
    }));
  }

  /** The one output for the input. */
  forward(): number {
    for (const { weights, biases, from, to } of this.#layers)
      this.#kernel.forward(weights, biases, from, to);
    const { weights, bias } = this.#last;
    const { hidden } = this;
    let output = bias[0] ?? 0;
    for (let i = 0; i < hidden.length; i += 1) output += (weights[i] ?? 0) * (hidden[i] ?? 0);
    return output;
  }

  /** Adds the slopes of an error at the output, for the input that was forwarded last. */
  gather(error: number): void {
    const { hidden } = this;
    const { weights, bias } = this.#lastSlopes;
    bias[0] = (bias[0] ?? 0) + error;
    const behind = this.#slopes.at(-1)?.error ?? hidden;
    for (let i = 0; i < hidden.length; i += 1) {
      const value = hidden[i] ?? 0;
      weights[i] = (weights[i] ?? 0) + error * value;
      behind[i] = value > 0 ? error * (this.#last.weights[i] ?? 0) : 0;
    }
    for (let i = this.#layers.length - 1; i >= 0; i -= 1) {
      const layer = this.#layers[i];
      const slopes = this.#slopes[i];
      if (layer === undefined || slopes === undefined) continue;
      for (let o = 0; o < slopes.error.length; o += 1)
        slopes.biases[o] = (slopes.biases[o] ?? 0) + (slopes.error[o] ?? 0);
      this.#kernel.gather(slopes.weights, layer.from, slopes.error);
      const before = this.#slopes[i - 1];
      if (before !== undefined)
        this.#kernel.backward(layer.weights, layer.from, slopes.error, before.error);
    }
  }

  /** Everything that is trained, the first layer's first. */
  trained(): Trained[] {
    const hidden = this.#slopes.flatMap((slopes, i) => {
      const layer = this.#layers[i];
      if (layer === undefined) return [];
      return [
        { values: layer.weights, slopes: slopes.weights, isBias: false },
        { values: layer.biases, slopes: slopes.biases, isBias: true },
      ];
    });
    return [
      ...hidden,
      { values: this.#last.weights, slopes: this.#lastSlopes.weights, isBias: false },
      { values: this.#last.bias, slopes: this.#lastSlopes.bias, isBias: true },
    ];
  }

  /** The numbers themselves, in the order of `trained`: what another stack of the same sizes can take over. */
  values(): Float32Array[] {
    const hidden = this.#layers.flatMap(({ weights, biases }) => [weights, biases]);
    return [...hidden, this.#last.weights, this.#last.bias];
  }

  load(layers: readonly Layer[]): void {
    for (const [index, { inputs, outputs, weights, biases }] of layers.entries()) {
      const layer = this.#layers[index];
      const to = layer?.weights ?? this.#last.weights;
      const width = layer === undefined ? 1 : layer.biases.length;
      for (let o = 0; o < outputs; o += 1)
        for (let i = 0; i < inputs; i += 1) to[i * width + o] = weights[o * inputs + i] ?? 0;
      (layer?.biases ?? this.#last.bias).set(biases);
    }
  }

  store(): Layer[] {
    return this.#sizes.slice(1).map((outputs, index) => {
      const inputs = this.#sizes[index] ?? 0;
      const layer = this.#layers[index];
      const from = layer?.weights ?? this.#last.weights;
      const width = layer === undefined ? 1 : layer.biases.length;
      const weights = new Float32Array(inputs * outputs);
      for (let o = 0; o < outputs; o += 1)
        for (let i = 0; i < inputs; i += 1) weights[o * inputs + i] = from[i * width + o] ?? 0;
      return {
        inputs,
        outputs,
        weights,
        biases: (layer?.biases ?? this.#last.bias).slice(0, outputs),
      };
    });
  }
}

function wholeSteps(outputs: number): number {
  return Math.ceil(outputs / outputStep) * outputStep;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
