export { TidepoolError, assert, codes, isCode, messageOf } from "./error.ts";
export type { Code, Failure } from "./error.ts";
export { systemClock, timerMaxMs } from "./clock.ts";
export type { Clock } from "./clock.ts";
export { readEnvironment } from "./config.ts";
export type { ConfigReader } from "./config.ts";
