/** What the scheduler's shards need of the outside, and the words that they use for it. */
import type { Demand, StoredLearning } from "@tidepool/policy";
import type { tidepool } from "@tidepool/proto";
import type { ProvisionedWindow } from "./provisioned/windows.ts";

/** One version of a function, as far as the scheduler looks into it. */
export interface FunctionVersion {
  readonly name: string;
  readonly version: string;
  readonly codeDigest: string;
  readonly runtime: string;
  readonly memoryMib: number;
  readonly vcpuCount: number;
  /** It asks for a network; `runtime` then bears the mark. */
  readonly needsInternet?: boolean;
  readonly keepAliveMs: number;
  /** Whose it is. */
  readonly tenant: string;
  /** Undefined: as its tenant has it. */
  readonly prediction: Prediction | undefined;
  /** Idle VM-seconds that one cold start is worth; undefined: as its tenant has it. */
  readonly coldStartCost: number | undefined;
  /** VMs that wait whatever is forecast. */
  readonly provisioned: readonly ProvisionedWindow[];
  /** The whole of it, for hosts. */
  readonly wire: tidepool.internal.v1.FunctionVersion.$Properties;
}

/** `shadow` decides and records, and changes nothing; `off` has the fixed keep-alive alone. */
export type Prediction = "on" | "shadow" | "off";

/** What a tenant has set for all its functions that do not say otherwise. */
export interface TenantTerms {
  readonly prediction: Prediction | undefined;
  readonly coldStartCost: number | undefined;
  /** Of pre-warmed VMs within any hour; undefined: the default. */
  readonly prewarmIdleVmSecondsMax: number | undefined;
}

/** Every function belongs to it until tenants can be made. */
export const tenantDefault = "default";
export const tenantTermsDefault: TenantTerms = {
  prediction: undefined,
  coldStartCost: undefined,
  prewarmIdleVmSecondsMax: undefined,
};

export const versionKeyOf = (name: string, version: string): string => `${name}@${version}`;
/** What a pool of interchangeable VMs is made of. */
export interface VmConfig {
  readonly runtime: string;
  readonly memoryMib: number;
  readonly vcpuCount: number;
}

/** Behind the runtime's name in that of a pool whose VMs have a network. */
export const internetMark = "+internet";

export const configKeyOf = ({ runtime, memoryMib, vcpuCount }: VmConfig): string =>
  `${runtime}/${memoryMib}/${vcpuCount}`;

export interface CallWindow {
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly expectedAtMs: number;
  readonly count: number;
  readonly degree: number;
}

/** Commands carry the lease under which they are given; a host refuses an older epoch. */
export interface Lease {
  readonly shard: number;
  readonly epoch: number;
}

export interface AssignOrder {
  readonly lease: Lease;
  /** The same order given again has the same id. */
  readonly assignmentId: string;
  readonly function: FunctionVersion;
  /** Empty for a pre-warm. */
  readonly requestId: string;
  readonly window: CallWindow | undefined;
  readonly keepUntilMs: number;
}

export interface KeepOrder {
  readonly lease: Lease;
  readonly functionName: string;
  readonly count: number;
  readonly keepUntilMs: number;
  readonly sentAtMs: number;
  readonly window: CallWindow | undefined;
  /** VMs of this version stay before those of others; "" where it is not known. */
  readonly version: string;
}

/** So many idle VMs of the version stay, whatever else is said. */
export interface FloorOrder {
  readonly lease: Lease;
  readonly functionName: string;
  readonly version: string;
  readonly count: number;
  readonly untilMs: number;
  readonly sentAtMs: number;
}

/** All throw TidepoolError: the host's failure, or `unavailable` or `timeout` when none came. */
export interface HostCommands {
  /** The VM's id. */
  assign(hostId: string, order: AssignOrder, timeoutMs: number): Promise<string>;
  keep(hostId: string, order: KeepOrder): Promise<void>;
  floor(hostId: string, order: FloorOrder): Promise<void>;
}

/** One function as a snapshot has it: enough to own it, without a look at what is remembered of it. */
export interface StoredFunction {
  readonly name: string;
  /** See memory-codec.ts. */
  readonly memory: Uint8Array;
  /** The last message of the stream that is in it. */
  readonly sequence: number;
  /** When it is to be planned for again; undefined when only a call can change its plan. */
  readonly wakeAtMs: number | undefined;
  /** The version that was planned for last. */
  readonly version: string;
  /** Its part of the shard's demand. */
  readonly demand: StoredDemand | undefined;
  /** What most of its latest calls asked for; "" for the active version. */
  readonly qualifier: string;
}

export interface StoredDemand {
  readonly demand: Demand;
  readonly isPeriodic: boolean;
}

export interface SnapshotStore {
  /**
   * Gives the functions some at a time.
   * @returns the last message of the stream that all of them know; undefined when there is no snapshot that
   * could be read to its end, and what was given is not to be used
   */
  load(
    shard: number,
    take: (functions: readonly StoredFunction[]) => void,
  ): Promise<number | undefined>;
  /**
   * Takes the functions some at a time, while the shard goes on: each with what it knows by then.
   * @param sequence the last message of the stream that all of them know
   * @throws TidepoolError `stale` when a later owner of the shard has written
   */
  save(lease: Lease, sequence: number, functions: Iterable<StoredFunction>): Promise<void>;
}

/** What was learned from a shard's functions together. */
export interface StoredFleet {
  /** The last message of the stream that was learned from. */
  readonly sequence: number;
  readonly learning: StoredLearning;
}

export interface FleetStore {
  /** Undefined when nothing is stored that could be read. */
  load(shard: number): Promise<StoredFleet | undefined>;
  save(lease: Lease, fleet: StoredFleet): Promise<void>;
}

export interface ArrivalSource {
  /**
   * Delivers a shard's arrivals in order, each once, from `fromSequence` on and for ever.
   * `caughtUp` resolves when those stored at the start have been delivered.
   */
  follow(
    shard: number,
    fromSequence: number,
    receive: (batch: ArrivalBatch) => void,
  ): Promise<{ readonly caughtUp: Promise<void>; stop(): Promise<void> }>;
}

/** A call that is declared: it comes, and then. */
export interface DeclaredStart {
  readonly atMs: number;
  readonly schedule: string;
  /** Which version it is for; empty: the active one. */
  readonly qualifier: string;
}

/** When functions are due by their schedules. */
export interface DeclaredCalls {
  /** The first start after an instant; undefined when none comes. */
  nextStart(functionName: string, afterMs: number): number | undefined;
  /** Both included, soonest first. */
  startsWithin(functionName: string, fromMs: number, throughMs: number): readonly DeclaredStart[];
  /** Functions of a shard that have a schedule. */
  functionsOf(shard: number): readonly string[];
}

export interface ArrivalBatch {
  readonly sequence: number;
  readonly arrivals: readonly Arrival[];
}

export interface Arrival {
  readonly functionName: string;
  readonly version: string;
  /** "" where it was not told. */
  readonly requestId: string;
  /** As the caller gave it: a version or an alias; "" for the active version. */
  readonly qualifier: string;
  readonly atMs: number;
}

/** What was expected of a call, for people; lost when it cannot be kept. */
export interface ExplanationSink {
  /** @param make called later, off the shard's path */
  add(requestId: string, make: () => tidepool.v1.CallExpectation.$Properties): void;
}

/** A VM for a call that waits. */
export interface AcquireOrder {
  readonly requestId: string;
  readonly function: FunctionVersion;
  /** The VM that an earlier acquire of this request named and whose host then refused the call; or "". */
  readonly refusedVmId: string;
  /** Which the frontend does not reach now: taken only where there is no other. */
  readonly avoidHostIds: readonly string[];
}
