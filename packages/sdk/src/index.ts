export {
  attemptsMax,
  connectTimeoutDefaultMs,
  retryWaitMs,
  TidepoolClient,
  timeoutDefaultMs,
} from "./client.ts";
export type { ConnectOptions, InvokeOptions, LogOptions } from "./client.ts";
export { callDetails } from "./call-error.ts";
export type { CallDetails } from "./call-error.ts";
export { fixedKeepAlive } from "./fixed-keep-alive.ts";
export type { FixedKeepAlive, ReplayedCall } from "./fixed-keep-alive.ts";
export type { CallLimits } from "./transport.ts";
export type {
  Forecast,
  FunctionDescription,
  FunctionSettings,
  Host,
  InvokeResult,
  LogLine,
  Pool,
  PoolsSnapshot,
  Stages,
  Start,
  Window,
} from "./types.ts";
export { TidepoolError } from "@tidepool/common";
