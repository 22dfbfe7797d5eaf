export { addDemand, demandNone, demandOf, removeDemand } from "./demand.ts";
export type { Demand, FunctionDemand } from "./demand.ts";
export {
  addResiduals,
  advanceResidual,
  createResidual,
  noteUncovered,
  residualQuantile,
} from "./residual.ts";
export type { Residual } from "./residual.ts";
export { residualShare, warmingPolicyDefault, warmingTarget } from "./target.ts";
export type { WarmingInput, WarmingPolicy } from "./target.ts";
