export { EvidenceReader, evidenceCount } from "./evidence.ts";
export { CallHistory } from "./history.ts";
export {
  evidenceClip,
  forward,
  Network,
  restoreNetwork,
  standardise,
  storeNetwork,
} from "./network.ts";
export type { Layer, NetworkWeights, StoredNetwork } from "./network.ts";
export { packNetwork } from "./pack-network.ts";
