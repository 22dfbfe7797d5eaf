/** What the frontend's decisions need from outside; the adapters are in nats/ and hosts/. */
import type { Sealed, TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import type { Step } from "./explain/call-facts.ts";
import type { StoredFunction } from "./functions/function-record.ts";
import type { StoredVersion } from "./functions/version-record.ts";

/** Functions by name. Writes are compare-and-set; reads may be served from a watched copy. */
export interface FunctionStore {
  /** From the copy when it is there, else from the store. */
  find(name: string): Promise<StoredFunction | undefined>;
  /** From the store. */
  read(name: string): Promise<StoredFunction | undefined>;
  /** By name, from the copy. */
  list(): readonly StoredFunction[];
  /** @throws TidepoolError `alreadyExists` */
  create(stored: StoredFunction): Promise<StoredFunction>;
  /**
   * Applies `edit` to the newest record, again when another writer was faster. Nothing is written when it
   * gives the same one back. @throws TidepoolError `notFound`, and what `edit` throws
   */
  change(
    name: string,
    edit: (current: StoredFunction) => StoredFunction | Promise<StoredFunction>,
  ): Promise<StoredFunction>;
  /** @throws TidepoolError `notFound` */
  remove(name: string): Promise<StoredFunction>;
}

/** Versions of functions: written once, read from a watched copy where it has them. */
export interface VersionStore {
  /** From the copy. */
  known(name: string, version: string): StoredVersion | undefined;
  find(name: string, version: string): Promise<StoredVersion | undefined>;
  /** Of one function, newest first, from the copy. */
  list(name: string): readonly StoredVersion[];
  /** Of all versions of all functions. */
  codeDigests(): Iterable<string>;
  /** Gives it a number above `above` that no version ever had. */
  add(draft: Omit<StoredVersion, "version">, above: number): Promise<StoredVersion>;
  /** Writes it unless it is there. */
  ensure(version: StoredVersion): Promise<void>;
  remove(name: string, version: string): Promise<void>;
}

/** Zips by digest, "sha256:…". */
export interface CodeStore {
  has(digest: string): Promise<boolean>;
  /** Does nothing when it is there already, and whole. */
  put(digest: string, zip: Uint8Array): Promise<void>;
  get(digest: string): Promise<Uint8Array | undefined>;
  remove(digest: string): Promise<void>;
  list(): Promise<readonly { readonly digest: string; readonly storedAtMs: number }[]>;
}

/** A VM that a shard found for one call. */
export interface AcquiredVm {
  readonly hostId: string;
  readonly hostAddress: string;
  readonly vmId: string;
}

export interface Scheduler {
  /** The same VM for the same request, unless its host has refused it. */
  acquire(
    request: {
      readonly requestId: string;
      readonly stored: StoredFunction;
      /** The VM of an earlier acquire that was refused; empty when there is none. */
      readonly refusedVmId: string;
      /** Taken only where there is no other. */
      readonly avoidHostIds: readonly string[];
    },
    timeoutMs: number,
  ): Promise<AcquiredVm>;
  forecast(name: string): Promise<tidepool.v1.GetForecastResponse.$Properties>;
}

export interface ArrivalSink {
  add(arrival: {
    readonly functionName: string;
    readonly version: string;
    readonly requestId: string;
    readonly atMs: number;
    /** As the caller gave it; absent or empty: the active version was asked for. */
    readonly qualifier?: string;
  }): void;
}

/** What came of calls; lost when it cannot be kept. */
export interface OutcomeSink {
  /** @param make called later, off the call's path */
  add(requestId: string, make: () => tidepool.v1.CallOutcome.$Properties): void;
}

/** What is recorded of calls. */
export interface CallRecordReader {
  outcome(requestId: string): Promise<tidepool.v1.CallOutcome | undefined>;
  expectation(requestId: string): Promise<tidepool.v1.CallExpectation | undefined>;
  /** Steps of a function's VMs, oldest first. */
  vmSteps(functionName: string, fromMs: number, untilMs: number): Promise<readonly Step[]>;
}

export interface TenantStore {
  find(name: string): Promise<tidepool.v1.Tenant.$Properties | undefined>;
  put(name: string, tenant: tidepool.v1.Tenant.$Properties): Promise<void>;
}

/** Which hosts get no work. */
export interface DrainStore {
  /** By host, since when; from the copy. */
  all(): ReadonlyMap<string, number>;
  /** Since when it is drained: now, unless it was. */
  drain(hostId: string, nowMs: number): Promise<number>;
  undrain(hostId: string): Promise<void>;
}

export interface StoredSecret extends Sealed {
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Sealed secrets by name. */
export interface SecretStore {
  find(name: string): Promise<StoredSecret | undefined>;
  /** By name, from the copy. */
  list(): readonly { readonly name: string; readonly secret: StoredSecret }[];
  /** Replaces it as a whole. */
  put(
    name: string,
    make: (before: StoredSecret | undefined) => StoredSecret,
  ): Promise<StoredSecret>;
  /** @throws TidepoolError `notFound` */
  remove(name: string): Promise<void>;
}

export interface HostCall {
  readonly requestId: string;
  readonly functionName: string;
  readonly version: string;
  /** The VM reserved for this request; empty for any idle one. */
  readonly vmId: string;
  readonly deadlineAtMs: number;
  readonly timeoutMs: number;
  readonly payload: Uint8Array;
  /** Under which its VM was acquired. */
  readonly attemptId: string;
  /** Its host ends it when the frontend is lost. */
  readonly endsWithStream: boolean;
  /** Takes the answer as it comes, if the function streams it; without it a streamed one is gathered. */
  readonly sink: AnswerSink | undefined;
}

/** Where a streamed answer goes, as the function writes it. */
export interface AnswerSink {
  /** @param metadata JSON, as {"statusCode":200,"headers":{…}}; empty when the function gave none */
  begin(contentType: string, metadata: Uint8Array): void;
  /** Resolves when there is room for more. */
  write(chunk: Uint8Array): Promise<void>;
}

/** Milliseconds of the host's part; they do not overlap. */
export interface HostStages {
  readonly waitingMs: number;
  readonly restoreMs: number;
  readonly loadMs: number;
  readonly runMs: number;
}

export type HostAnswer =
  | {
      readonly kind: "result";
      /** Empty when the sink has had it. */
      readonly payload: Uint8Array;
      readonly isStreamed: boolean;
      readonly start: tidepool.v1.Start;
      readonly stages: HostStages;
      readonly vmId: string;
      readonly readyBeforeMs: number;
      readonly window: tidepool.v1.Window.$Properties | undefined;
    }
  /** Nothing was run. */
  | { readonly kind: "refused"; readonly failure: TidepoolError }
  /** The invocation had started, or may have. */
  | {
      readonly kind: "failed";
      readonly failure: TidepoolError;
      readonly start: tidepool.v1.Start;
      readonly stages: HostStages;
      readonly vmId: string;
    };

export interface Hosts {
  /** Never rejects for what a host did: that is an answer. @throws TidepoolError `cancelled`, `timeout` */
  call(
    host: { readonly hostId: string; readonly address: string },
    call: HostCall,
    signal: AbortSignal,
  ): Promise<HostAnswer>;
  /** Hosts that cannot be reached from here now, or that do not answer. */
  toAvoid(): ReadonlySet<string>;
}
