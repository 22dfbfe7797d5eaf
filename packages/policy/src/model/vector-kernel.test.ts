import assert from "node:assert/strict";

import { seededRandom } from "../seeded-random.ts";
import { KernelMemory } from "./vector-kernel.ts";

const inputs = 7;
const outputs = 32;

describe("vector kernel", () => {
  const random = seededRandom(4);
  const memory = new KernelMemory(2_000, 8);
  const filled = (count: number): Float32Array => {
    const taken = memory.take(count);
    for (let i = 0; i < count; i += 1) taken[i] = random() - 0.5;
    return taken;
  };
  const { kernel } = memory;
  const weights = filled(inputs * outputs);
  const biases = filled(outputs);
  const values = filled(inputs);
  const errors = filled(outputs);
  const weightOf = (input: number, output: number): number =>
    weights[input * outputs + output] ?? 0;

  it("sums each output over all inputs, and keeps what is above zero", () => {
    const out = memory.take(outputs);
    kernel.forward(weights, biases, values, out);
    for (const [output, value] of out.entries()) {
      let sum = biases[output] ?? 0;
      for (const [input, given] of values.entries()) sum += given * weightOf(input, output);
      assert.ok(Math.abs(value - Math.max(0, sum)) < 1e-6, `output ${output}`);
    }
    assert.ok(out.some((value) => value > 0) && out.some((value) => value === 0));
  });

  it("adds to the slope of every weight", () => {
    const slopes = filled(inputs * outputs);
    const before = slopes.slice();
    kernel.gather(slopes, values, errors);
    for (const [at, value] of slopes.entries()) {
      const product = (values[Math.floor(at / outputs)] ?? 0) * (errors[at % outputs] ?? 0);
      assert.ok(Math.abs(value - (before[at] ?? 0) - product) < 1e-6, `slope ${at}`);
    }
  });

  it("hands the error back to the inputs that were above zero", () => {
    const back = memory.take(inputs);
    kernel.backward(weights, values, errors, back);
    for (const [input, value] of back.entries()) {
      let sum = 0;
      for (const [output, error] of errors.entries()) sum += error * weightOf(input, output);
      const wanted = (values[input] ?? 0) > 0 ? sum : 0;
      assert.ok(Math.abs(value - wanted) < 1e-6, `input ${input}`);
    }
  });
});
