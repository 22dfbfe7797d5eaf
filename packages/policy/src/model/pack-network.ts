/** Weights as text, so that they are a module like any other: shapes in words, numbers as base64 of floats. */
import type { NetworkWeights } from "./network.ts";

export interface PackedNetwork {
  /** Evidence, hidden layers, output. */
  readonly widths: readonly number[];
  /** Little-endian 32-bit floats: means, scales, then each layer's weights and biases. */
  readonly base64: string;
}

const floatBytes = 4;

export function packNetwork({ mean, scale, layers }: NetworkWeights): PackedNetwork {
  const parts = [mean, scale, ...layers.flatMap(({ weights, biases }) => [weights, biases])];
  const values = parts.flatMap((part) => [...part]);
  const view = new DataView(new ArrayBuffer(values.length * floatBytes));
  for (const [i, value] of values.entries()) view.setFloat32(i * floatBytes, value, true);
  return {
    widths: [mean.length, ...layers.map(({ outputs }) => outputs)],
    base64: Buffer.from(view.buffer).toString("base64"),
  };
}

export function unpackNetwork({ widths, base64 }: PackedNetwork): NetworkWeights {
  const bytes = Buffer.from(base64, "base64");
  let at = 0;
  const take = (count: number): Float32Array => {
    const values = Float32Array.from({ length: count }, (_, i) =>
      bytes.readFloatLE((at + i) * floatBytes),
    );
    at += count;
    return values;
  };
  const evidence = widths[0] ?? 0;
  const mean = take(evidence);
  const scale = take(evidence);
  const layers = widths.slice(1).map((outputs, i) => {
    const inputs = widths[i] ?? 0;
    return { inputs, outputs, weights: take(inputs * outputs), biases: take(outputs) };
  });
  return { mean, scale, layers };
}
