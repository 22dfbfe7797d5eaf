/** What the client gives and takes: plain data, instants in milliseconds since 1970 UTC. */

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

/** What an owner decides; what is absent gets the server's default. */
export interface FunctionSettings {
  /** "nodejs20" */
  readonly runtime: string;
  /** "file.export", as in "index.handler" */
  readonly handler: string;
  readonly memoryMib?: number;
  readonly timeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly description?: string;
  /** How long a VM stays warm after a call that nothing predicts the next of. */
  readonly keepAliveMs?: number;
}

export interface FunctionDescription {
  readonly name: string;
  readonly settings: Required<FunctionSettings>;
  /** Undefined before the first upload, as are digest and size. */
  readonly version: string | undefined;
  /** "sha256:…" */
  readonly codeDigest: string | undefined;
  readonly codeBytes: number | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
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

/** All VMs of one runtime and memory size. */
export interface Pool {
  readonly runtime: string;
  readonly memoryMib: number;
  /** How many generic VMs should wait; and how many with no function learned. */
  readonly target: number;
  readonly baseTarget: number;
  readonly ready: number;
  readonly cloning: number;
  readonly loading: number;
  readonly idle: number;
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
}

export interface LogLine {
  readonly atMs: number;
  readonly requestId: string;
  readonly version: string;
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly hostId: string;
  readonly vmId: string;
}
