export { policies, policyNamed, policyNames } from "./function-policy.ts";
export type { FunctionPolicy, PolicyName } from "./function-policy.ts";
export { learnedPolicy } from "./function-policy.ts";
export type { FleetLearning, StoredLearning } from "./model/fleet-learning.ts";
export type { GapPath } from "./model/gap-path.ts";
export { restoreMemory, storeMemory } from "./model/memory.ts";
export type { SlotMemory } from "./model/memory.ts";
export type { NetworkWeights } from "./model/network.ts";
export { forecast } from "./periodicity/index.ts";
export type { Evidence, Forecast, History } from "./periodicity/index.ts";
export {
  activeUntilMs,
  createRecord,
  decide,
  functionDemand,
  holdsAt,
  isKeptAsUsual,
  leadMs,
  marginMs,
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
  budgets,
  callInstants,
  coldAt,
  coldShareWaste,
  coldSlots,
  curvePoints,
  fewLoads,
  figureNames,
  figuresOf,
  frontier,
  functionFromInstants,
  joinScores,
  joinSimulation,
  keepAlivePerPrice,
  mergeSpans,
  policyOnSlots,
  poolDemand,
  poolDemandAt,
  poolFigures,
  priceKnobs,
  replayFunction,
  resamples,
  scoreSlots,
  scoreSpans,
  settingWithin,
  settingsAtPrice,
  simulate,
  simulatePart,
  slotMsDefault,
  wasteAt,
} from "./simulator/index.ts";
export type {
  CurvePoint,
  FigureName,
  FigureRuns,
  Figures,
  FunctionReplay,
  FunctionTotals,
  Interval,
  KnobSetting,
  PoolDemand,
  PoolFigures,
  ReplayOptions,
  SimulatedFunction,
  Simulation,
  SimulationOptions,
  SimulationPart,
  SlotPolicy,
  SlotRun,
  SlotScore,
  SlotScores,
  SlotSpan,
  Start,
  Totals,
  Workload,
} from "./simulator/index.ts";
