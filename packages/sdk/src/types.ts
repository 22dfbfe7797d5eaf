/** What the client gives and takes: plain data, instants in milliseconds since 1970 UTC. */
import type { CompleteSettings, RateLimit } from "./settings.ts";
import type { Alias } from "./versions.ts";

/** How an invocation found its VM; "unknown" from a newer server. */
export type Start = "predicted" | "warm" | "pool" | "cold" | "unknown";

/** Where the time of a call went, milliseconds; they do not overlap. */
export interface Stages {
  /** Finding the VM, and the way to its host and back. */
  readonly routingMs: number;
  /** Waiting for a VM that was not ready. */
  readonly waitingMs: number;
  /** Cloning or resuming the VM. */
  readonly restoreMs: number;
  /** Loading the code. */
  readonly loadMs: number;
  /** The handler. */
  readonly runMs: number;
}

export interface Window {
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly expectedAtMs: number;
  /** Calls expected at once. */
  readonly count: number;
  /** Degree of periodicity, 0 to 1, when the forecast was made. */
  readonly degree: number;
}

/** What is done with forecasts: `shadow` decides and records and changes nothing; `off` has the fixed keep-alive. */
export const predictions = ["inherit", "on", "shadow", "off"] as const;
export type Prediction = (typeof predictions)[number];

export interface FunctionDescription {
  readonly name: string;
  readonly settings: CompleteSettings;
  /** The active one; undefined before the first upload, as are the newest one, digest and size. */
  readonly version: string | undefined;
  readonly newestVersion: string | undefined;
  /** "sha256:…" */
  readonly codeDigest: string | undefined;
  readonly codeBytes: number | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Whose it is. */
  readonly tenant: string;
  /** Changes with every change of the function or its aliases. */
  readonly revision: string;
  /** By name. */
  readonly aliases: readonly Alias[];
}

/** What called a function by itself, and went with it: names. */
export interface DeletedTriggers {
  readonly schedules: readonly string[];
  readonly subscriptions: readonly string[];
}

/** What holds for all functions of a tenant that do not say otherwise. */
export interface TenantSettings {
  readonly prediction?: Prediction;
  /** Idle VM-seconds that one cold start is worth; 0 or absent: as many as the keep-alive has. */
  readonly coldStartCost?: number;
  /** Idle VM-seconds that pre-warmed VMs may have within any hour; 0 or absent: the server's default. */
  readonly prewarmIdleVmSecondsMax?: number;
  /** Calls of all its functions that may run at once; absent: the server's default, 1000. */
  readonly concurrencyMax?: number | undefined;
  /** Absent: none. */
  readonly rateLimit?: RateLimit | undefined;
}

export interface Tenant {
  readonly name: string;
  readonly settings: Required<Omit<TenantSettings, "concurrencyMax" | "rateLimit">> &
    Pick<TenantSettings, "concurrencyMax" | "rateLimit">;
  /** Undefined while nothing was ever set. */
  readonly updatedAtMs: number | undefined;
}

export interface InvokeResult {
  /** What the handler returned. */
  readonly payload: unknown;
  readonly requestId: string;
  readonly version: string;
  readonly start: Start;
  readonly stages: Stages;
  readonly vmId: string;
  readonly hostId: string;
  /** How long the VM had been ready when the call came; 0 when it was not. */
  readonly readyBeforeMs: number;
  /** The window for which the VM had been made ready, when start is "predicted". */
  readonly window: Window | undefined;
}

/** All VMs of one runtime, memory size and number of CPUs. */
export interface Pool {
  readonly runtime: string;
  readonly memoryMib: number;
  readonly vcpuCount: number;
  /** How many generic VMs should wait; and how many with no function learned. */
  readonly target: number;
  readonly baseTarget: number;
  readonly ready: number;
  readonly cloning: number;
  readonly loading: number;
  readonly idle: number;
  /** Of the idle ones: those that wait because their function's owner wants so many. */
  readonly provisioned: number;
  readonly busy: number;
  readonly total: number;
  /** Functions with a forecast, and the share of the demand that no forecast covers. */
  readonly periodicFunctions: number;
  readonly uncoveredShare: number;
}

export interface Host {
  readonly hostId: string;
  readonly hypervisor: string;
  readonly accelerator: string;
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
}

export interface PoolsSnapshot {
  readonly atMs: number;
  readonly pools: readonly Pool[];
  readonly hosts: readonly Host[];
}

export interface Forecast {
  readonly name: string;
  /** 0 when the calls are not periodic. */
  readonly degree: number;
  /** 0 where calls have several times or periods, or none. */
  readonly periodMs: number;
  /** The next ones, soonest first. */
  readonly windows: readonly Window[];
  /** In words, for people. */
  readonly evidence: readonly string[];
  readonly callsSeen: number;
  readonly hits: number;
  readonly misses: number;
  /** When the next VM will be prepared; undefined when none is planned. */
  readonly prewarmAtMs: number | undefined;
  /** What applies, and who said so: "function", "tenant" or "default". */
  readonly prediction: Prediction;
  readonly predictionFrom: string;
  readonly coldStartCost: number;
  readonly coldStartCostFrom: string;
  /** Windows that have passed, newest first. */
  readonly recent: readonly PastWindow[];
  /** What is done about the next window, in words. */
  readonly plan: readonly string[];
  /** Until when idle VMs are to be kept; undefined where nothing beyond the keep-alive was ordered. */
  readonly keepUntilMs: number | undefined;
  readonly comparison: Comparison | undefined;
  readonly tenantCap: CapUse;
  readonly shardCap: CapUse;
  /** VMs that wait for a window, or in shadow would. */
  readonly prewarm: Prewarm | undefined;
  /** Undefined for a function without provisioned concurrency. */
  readonly provisioned: ProvisionedState | undefined;
}

/** VMs that wait whatever is forecast. */
export interface ProvisionedState {
  /** How many should wait now, and how many do. */
  readonly wanted: number;
  readonly ready: number;
  /** When that number changes, and to what; undefined when it does not. */
  readonly changesAtMs: number | undefined;
  readonly wantedThen: number;
}

export interface PastWindow {
  readonly window: Window;
  /** When its first call came; undefined for a miss. */
  readonly calledAtMs: number | undefined;
  readonly wasPrepared: boolean;
  readonly wasShadow: boolean;
}

/** Modelled from the times of the calls, one VM at a time: the plan, and the fixed keep-alive on the same calls. */
export interface Comparison {
  readonly sinceMs: number;
  readonly calls: number;
  readonly coldStarts: number;
  readonly fixedColdStarts: number;
  readonly idleVmSeconds: number;
  readonly fixedIdleVmSeconds: number;
  readonly preparedWindows: number;
}

/** VM-seconds within the last hour. */
export interface CapUse {
  readonly used: number;
  readonly max: number;
}

export interface Prewarm {
  readonly window: Window;
  readonly orderedAtMs: number;
  readonly readyByMs: number;
  readonly releaseAtMs: number;
  readonly count: number;
  /** How many of them were new. */
  readonly orderCount: number;
  readonly vmIds: readonly string[];
  readonly failures: readonly string[];
  /** Calls that have come in this window. */
  readonly usedCount: number;
  /** Nothing was ordered. */
  readonly isShadow: boolean;
}

/** Why a call was cold or not. */
export interface CallExplanation {
  readonly requestId: string;
  readonly functionName: string;
  /** One sentence; instants in it are UTC. */
  readonly summary: string;
  /** The reason in it as one word. */
  readonly reason: string;
  /** Undefined while the call runs. */
  readonly outcome: CallOutcome | undefined;
  /** Undefined when it was not recorded. */
  readonly expectation: CallExpectation | undefined;
  /** What became of the VMs that matter to this call, oldest first. */
  readonly vmSteps: readonly VmStep[];
}

export interface CallOutcome {
  readonly version: string;
  readonly atMs: number;
  readonly endedAtMs: number;
  /** Undefined when it failed before it had a VM. */
  readonly start: Start | undefined;
  readonly stages: Stages;
  readonly vmId: string;
  readonly hostId: string;
  readonly readyBeforeMs: number;
  readonly window: Window | undefined;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
  /** Calls of the same version that were under way when it came; the first few are named. */
  readonly underWay: readonly string[];
  readonly underWayCount: number;
}

/** What was expected before the call was learned from. */
export interface CallExpectation {
  readonly prediction: Prediction;
  readonly coldStartCost: number;
  readonly keepAliveMs: number;
  readonly callsSeen: number;
  readonly previousCallAtMs: number | undefined;
  /** 0 when no period was known. */
  readonly degree: number;
  /** The window that the call is nearest to. */
  readonly window: Window | undefined;
  readonly evidence: readonly string[];
  readonly hits: number;
  readonly misses: number;
  readonly prewarm: Prewarm | undefined;
  readonly keepUntilMs: number | undefined;
  /** "keep-alive" or "forecast" */
  readonly keepBecause: string;
  /** "" when the window was prepared, or there is none. */
  readonly notPreparedBecause: string;
  readonly idleVms: number;
  readonly busyVms: number;
}

export interface VmStep {
  readonly atMs: number;
  readonly vmId: string;
  readonly hostId: string;
  readonly phase: string;
  /** Of "gone". */
  readonly reason: string;
}

export interface LogLine {
  readonly atMs: number;
  readonly requestId: string;
  readonly version: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly hostId: string;
  readonly vmId: string;
  readonly functionName: string;
}
