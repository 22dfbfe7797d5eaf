/**
 * The three loops that forecasting and training spend their time in, on vectors of four floats. Matrices
 * stand input by input: the weights of one input to all outputs lie together. Counts of outputs are
 * multiples of `outputStep`, filled up with zeros. The same floats give the same floats on every machine.
 */
import {
  add,
  advance,
  both,
  get,
  i32,
  isAbove,
  load,
  loadSplat,
  moduleOf,
  set,
  shuffle,
  store,
  storeFirst,
  subtract,
  until,
  v128,
  vectorAdd,
  vectorMax,
  vectorMultiply,
  zeros,
  type WasmFunction,
} from "./wasm-code.ts";

/** Outputs that are summed side by side, so that no sum waits for the one before. */
export const outputStep = 16;
const floatBytes = 4;
const vectorBytes = 16;
const stepBytes = outputStep * floatBytes;
const pageBytes = 65_536;
const lanes = [0, 1, 2, 3] as const;

export interface Kernel {
  /** outputs = biases + inputs × weights, and zero where that is less. */
  forward(
    weights: Float32Array,
    biases: Float32Array,
    inputs: Float32Array,
    outputs: Float32Array,
  ): void;
  /** slopes += inputs × errors, which is the slope of the error by each weight. */
  gather(slopes: Float32Array, inputs: Float32Array, errors: Float32Array): void;
  /** back = weights × errors where the input was above zero. */
  backward(
    weights: Float32Array,
    inputs: Float32Array,
    errors: Float32Array,
    back: Float32Array,
  ): void;
}

type Exported = Readonly<Record<"forward" | "gather" | "backward", (...given: number[]) => void>>;

interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The part of the global that is used: the types of Node.js leave it out. */
declare const WebAssembly: {
  readonly Memory: new (given: { readonly initial: number }) => WasmMemory;
  readonly Module: new (code: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** Floats that the kernel may be given: all must lie in its own memory. */
export class KernelMemory {
  readonly kernel: Kernel;
  readonly #memory = new WebAssembly.Memory({ initial: 1 });
  #used = 0;

  /** @param floats that will be taken, at most */
  constructor(floats: number, arrays: number) {
    const bytes = floats * floatBytes + arrays * vectorBytes;
    this.#memory.grow(Math.ceil(bytes / pageBytes));
    this.kernel = kernelOver(this.#memory);
  }

  take(count: number): Float32Array {
    const taken = new Float32Array(this.#memory.buffer, this.#used, count);
    this.#used += Math.ceil((count * floatBytes) / vectorBytes) * vectorBytes;
    return taken;
  }
}

let compiled: object | undefined;

function kernelOver(memory: WasmMemory): Kernel {
  compiled ??= new WebAssembly.Module(moduleOf([forward(), gather(), backward()]));
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  const loops = instance.exports as Exported;
  return {
    forward: (weights, biases, inputs, outputs) =>
      loops.forward(
        weights.byteOffset,
        biases.byteOffset,
        inputs.byteOffset,
        inputs.byteOffset + inputs.byteLength,
        outputs.byteOffset,
        outputs.byteOffset + outputs.byteLength,
      ),
    gather: (slopes, inputs, errors) =>
      loops.gather(
        slopes.byteOffset,
        inputs.byteOffset,
        inputs.byteOffset + inputs.byteLength,
        errors.byteOffset,
        errors.byteOffset + errors.byteLength,
      ),
    backward: (weights, inputs, errors, back) =>
      loops.backward(
        weights.byteOffset,
        inputs.byteOffset,
        inputs.byteOffset + inputs.byteLength,
        errors.byteOffset,
        errors.byteOffset + errors.byteLength,
        back.byteOffset,
      ),
  };
}

function forward(): WasmFunction {
  const [weights, biases, inputs, inputsEnd, outputs, outputsEnd] = [0, 1, 2, 3, 4, 5] as const;
  const [weight, input, rowBytes, sum, value] = [6, 7, 8, 9, 13] as const;
  const products = lanes.map((n) => [
    ...get(sum + n),
    ...get(value),
    ...get(weight),
    ...load(n * vectorBytes),
    ...vectorMultiply,
    ...vectorAdd,
    ...set(sum + n),
  ]);
  return {
    name: "forward",
    parameterCount: 6,
    locals: [
      [3, i32],
      [5, v128],
    ],
    body: [
      [...get(outputsEnd), ...get(outputs), ...subtract, ...set(rowBytes)],
      until(
        outputs,
        outputsEnd,
        ...lanes.map((n) => [...get(biases), ...load(n * vectorBytes), ...set(sum + n)]),
        [...get(weights), ...set(weight), ...get(inputs), ...set(input)],
        until(
          input,
          inputsEnd,
          [...get(input), ...loadSplat(), ...set(value)],
          ...products,
          [...get(weight), ...get(rowBytes), ...add, ...set(weight)],
          advance(input, floatBytes),
        ),
        ...lanes.map((n) => [
          ...get(outputs),
          ...get(sum + n),
          ...zeros,
          ...vectorMax,
          ...store(n * vectorBytes),
        ]),
        advance(weights, stepBytes),
        advance(biases, stepBytes),
        advance(outputs, stepBytes),
      ),
    ],
  };
}

function gather(): WasmFunction {
  const [slopes, inputs, inputsEnd, errors, errorsEnd] = [0, 1, 2, 3, 4] as const;
  const [error, value] = [5, 6] as const;
  return {
    name: "gather",
    parameterCount: 5,
    locals: [
      [1, i32],
      [1, v128],
    ],
    body: [
      until(
        inputs,
        inputsEnd,
        [...get(inputs), ...loadSplat(), ...set(value), ...get(errors), ...set(error)],
        until(
          error,
          errorsEnd,
          ...lanes.map((n) => [
            ...get(slopes),
            ...get(slopes),
            ...load(n * vectorBytes),
            ...get(value),
            ...get(error),
            ...load(n * vectorBytes),
            ...vectorMultiply,
            ...vectorAdd,
            ...store(n * vectorBytes),
          ]),
          advance(slopes, stepBytes),
          advance(error, stepBytes),
        ),
        advance(inputs, floatBytes),
      ),
    ],
  };
}

function backward(): WasmFunction {
  const [weights, inputs, inputsEnd, errors, errorsEnd, back] = [0, 1, 2, 3, 4, 5] as const;
  const [error, sum] = [6, 7] as const;
  return {
    name: "backward",
    parameterCount: 6,
    locals: [
      [1, i32],
      [4, v128],
    ],
    body: [
      until(
        inputs,
        inputsEnd,
        [...get(errors), ...set(error)],
        ...lanes.map((n) => [...zeros, ...set(sum + n)]),
        until(
          error,
          errorsEnd,
          ...lanes.map((n) => [
            ...get(sum + n),
            ...get(weights),
            ...load(n * vectorBytes),
            ...get(error),
            ...load(n * vectorBytes),
            ...vectorMultiply,
            ...vectorAdd,
            ...set(sum + n),
          ]),
          advance(weights, stepBytes),
          advance(error, stepBytes),
        ),
        ...[1, 2, 3].map((n) => [...get(sum), ...get(sum + n), ...vectorAdd, ...set(sum)]),
        // Each half on the other, and each neighbour on the other: all lanes are the sum.
        ...[shuffle(2, 3, 0, 1), shuffle(1, 0, 3, 2)].map((turned) => [
          ...get(sum),
          ...get(sum),
          ...get(sum),
          ...turned,
          ...vectorAdd,
          ...set(sum),
        ]),
        [...get(back), ...get(sum)],
        [...get(inputs), ...loadSplat(), ...zeros, ...isAbove, ...both, ...storeFirst],
        advance(back, floatBytes),
        advance(inputs, floatBytes),
      ),
    ],
  };
}
