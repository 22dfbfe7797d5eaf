export { readConfig } from "./config.ts";
export type { SchedulerConfig } from "./config.ts";
export { Scheduler } from "./scheduler.ts";
export type { SchedulerOptions } from "./scheduler.ts";
