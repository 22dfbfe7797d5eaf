/** The network's weights as they stand in the package, unpacked once. */
import { packedWeights } from "./weights-data.ts";
import { unpackNetwork } from "./pack-network.ts";
import type { NetworkWeights } from "./network.ts";

let unpacked: NetworkWeights | undefined;

export function shippedWeights(): NetworkWeights {
  unpacked ??= unpackNetwork(packedWeights);
  return unpacked;
}
