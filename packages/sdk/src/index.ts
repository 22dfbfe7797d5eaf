export { attemptsMax, retryWaitMs } from "./caller.ts";
export { changeTimeoutDefaultMs, timeoutDefaultMs } from "./caller.ts";
export { connectTimeoutDefaultMs, TidepoolClient } from "./client.ts";
export type { ChangeOptions, ConnectOptions, LogOptions, UploadOptions } from "./client.ts";
export type { InvokeOptions } from "./invoke.ts";
export { acceptedStatuses, waitTimeoutDefaultMs } from "./accepted-calls.ts";
export type {
  AcceptedCall,
  AcceptedStatus,
  Acceptance,
  AttemptFailure,
  InvokeAsyncOptions,
  WaitOptions,
} from "./accepted-calls.ts";
export type {
  DeadLetter,
  DeadLetterList,
  DeadLetterQuery,
  DeadLettersClient,
  Redriven,
} from "./dead-letters.ts";
export type { StreamBegin, StreamedAnswer, StreamEnd } from "./streamed-answer.ts";
export { callDetails } from "./call-error.ts";
export type { CallDetails } from "./call-error.ts";
export type {
  AsyncSettings,
  CompleteSettings,
  Destination,
  FunctionSettings,
  FunctionUrl,
  GuestNetwork,
  ProvisionedConcurrency,
  RateLimit,
} from "./settings.ts";
export { guestNetworks } from "./settings.ts";
export type {
  MissedTicks,
  PutOptions,
  Schedule,
  SchedulesClient,
  ScheduleSettings,
  When,
} from "./schedules.ts";
export type { NewToken, TokenDescription, TokenRole, TokensClient, TokenWish } from "./tokens.ts";
export type { Secret, SecretsClient } from "./secrets.ts";
export type {
  MessageSource,
  Subscription,
  SubscriptionsClient,
  SubscriptionSettings,
} from "./subscriptions.ts";
export type { HostDescription, HostsClient, HostState } from "./hosts.ts";
export type { CallLimits, TlsOptions } from "./transport.ts";
export type { UsageOptions, UsageRecord } from "./usage.ts";
export { predictions } from "./types.ts";
export type {
  CallExpectation,
  CallExplanation,
  CallOutcome,
  CapUse,
  Comparison,
  DeletedTriggers,
  Forecast,
  FunctionDescription,
  Host,
  InvokeResult,
  LogLine,
  PastWindow,
  Pool,
  PoolsSnapshot,
  Prediction,
  Prewarm,
  ProvisionedState,
  Stages,
  Start,
  Tenant,
  TenantSettings,
  VmStep,
  Window,
} from "./types.ts";
export type { Alias, AliasWish, FunctionVersion, WeightedVersion } from "./versions.ts";
export { TidepoolError } from "@tidepool/common";
