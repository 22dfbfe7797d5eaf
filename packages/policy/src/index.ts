export { policies, policyNamed, policyNames } from "./function-policy.ts";
export type { FunctionPolicy, PolicyName } from "./function-policy.ts";
export { forecast } from "./periodicity/index.ts";
export type { Evidence, Forecast, History } from "./periodicity/index.ts";
export {
  activeUntilMs,
  createRecord,
  decide,
  functionDemand,
  noteArrival,
  notePrewarmed,
  planPolicyDefault,
} from "./plan/index.ts";
export type {
  Decision,
  Description,
  ExpectedWindow,
  FunctionRecord,
  PlanFacts,
  PlanPolicy,
  Prewarm,
} from "./plan/index.ts";
export { seededRandom } from "./seeded-random.ts";
export {
  addDemand,
  addResiduals,
  advanceResidual,
  createResidual,
  demandNone,
  demandOf,
  noteUncovered,
  removeDemand,
  residualQuantile,
  residualShare,
  warmingPolicyDefault,
  warmingTarget,
} from "./warming/index.ts";
export type {
  Demand,
  FunctionDemand,
  Residual,
  WarmingInput,
  WarmingPolicy,
} from "./warming/index.ts";
export {
  callInstants,
  coldAt,
  curvePoints,
  frontier,
  functionFromInstants,
  mergeSpans,
  policyOnSlots,
  poolDemand,
  poolDemandAt,
  replayFunction,
  scoreSlots,
  scoreSpans,
  settingWithin,
  simulate,
  slotMsDefault,
  wasteAt,
} from "./simulator/index.ts";
export type {
  CurvePoint,
  FunctionReplay,
  FunctionTotals,
  KnobSetting,
  PoolDemand,
  ReplayOptions,
  SimulatedFunction,
  Simulation,
  SimulationOptions,
  SlotPolicy,
  SlotRun,
  SlotScore,
  SlotScores,
  SlotSpan,
  Start,
  Totals,
  Workload,
} from "./simulator/index.ts";
