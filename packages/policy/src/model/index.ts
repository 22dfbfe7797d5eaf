export { markDue } from "./due.ts";
export { EvidenceReader, evidenceCount } from "./evidence.ts";
export { CallHistory } from "./history.ts";
export { LayerStack } from "./layer-stack.ts";
export type { Trained } from "./layer-stack.ts";
export { Network, restoreNetwork, standardise, storeNetwork } from "./network.ts";
export type { Layer, NetworkWeights, StoredNetwork } from "./network.ts";
export { packNetwork } from "./pack-network.ts";
