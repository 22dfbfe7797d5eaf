export { coldAt, curvePoints, frontier, poolDemandAt, settingWithin, wasteAt } from "./curve.ts";
export type { CurvePoint } from "./curve.ts";
export { budgets, coldShareWaste, fewLoads, figureNames, figuresOf, resamples } from "./figures.ts";
export type { FigureName, FigureRuns, Figures, Interval } from "./figures.ts";
export { coldSlots, poolFigures } from "./pool-figures.ts";
export type { PoolFigures } from "./pool-figures.ts";
export { poolDemand } from "./pool.ts";
export type { PoolDemand } from "./pool.ts";
export { keepAlivePerPrice, priceKnobs, settingsAtPrice } from "./price-sweep.ts";
export { replayFunction } from "./replay-function.ts";
export type { FunctionReplay, ReplayOptions, Start } from "./replay-function.ts";
export { joinSimulation, simulate, simulatePart } from "./simulate.ts";
export type {
  FunctionTotals,
  Simulation,
  SimulationOptions,
  SimulationPart,
  Totals,
} from "./simulate.ts";
export { policyOnSlots } from "./slot-policy.ts";
export type { KnobSetting } from "./slot-policy.ts";
export { joinScores, scoreSlots } from "./slot-score.ts";
export type { SlotPolicy, SlotRun, SlotScores } from "./slot-score.ts";
export { mergeSpans, scoreSpans } from "./spans.ts";
export type { SlotScore, SlotSpan } from "./spans.ts";
export { callInstants, functionFromInstants, slotMsDefault } from "./workload.ts";
export type { SimulatedFunction, Workload } from "./workload.ts";
