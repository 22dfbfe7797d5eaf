export { decide } from "./decide.ts";
export type { Decision, PlanFacts, Prewarm } from "./decide.ts";
export { planPolicyDefault } from "./policy.ts";
export type { PlanPolicy } from "./policy.ts";
export { createRecord, noteArrival, notePrewarmed } from "./record.ts";
export type { FunctionRecord, IdleAccount } from "./record.ts";
