export { activeUntilMs, functionDemand } from "./demand.ts";
export { decide } from "./decide.ts";
export { describe } from "./describe.ts";
export type { Description, ExpectedWindow } from "./describe.ts";
export type { Decision, PlanFacts, Prewarm } from "./decide.ts";
export { leadMs, marginMs, planPolicyDefault } from "./policy.ts";
export type { PlanPolicy } from "./policy.ts";
export { createRecord, noteArrival, notePrewarmed } from "./record.ts";
export type { FunctionRecord, IdleAccount, OpenPrewarm } from "./record.ts";
