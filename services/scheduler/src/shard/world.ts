/** What one shard needs of its process, and the bounds that it keeps. */
import type { Clock, Logger } from "@tidepool/common";
import type { FunctionPolicy } from "@tidepool/policy";
import type { HostTable } from "../hosts/host-table.ts";
import type {
  ArrivalSource,
  DeclaredCalls,
  ExplanationSink,
  FleetStore,
  FunctionVersion,
  HostCommands,
  SnapshotStore,
  TenantTerms,
} from "../ports.ts";
import type { ToldUses } from "./prewarm-meter.ts";

export interface ShardWorld {
  readonly hosts: HostTable;
  readonly policy: FunctionPolicy;
  readonly commands: HostCommands;
  readonly snapshots: SnapshotStore;
  /** For what is learned from a shard's functions together; absent where nothing is. */
  readonly fleets?: FleetStore;
  readonly arrivals: ArrivalSource;
  /** The version that calls with a qualifier go to, by default the active one; undefined when there is none (any more). */
  readonly functionOf: (name: string, qualifier?: string) => FunctionVersion | undefined;
  readonly tenantOf: (tenant: string) => TenantTerms;
  /** What other shards' pre-warmed VMs have idled. */
  readonly toldUses: ToldUses;
  readonly shardPrewarmIdleVmSecondsMax: number;
  /** Absent: nothing is declared. */
  readonly declared?: DeclaredCalls;
  readonly explanations: ExplanationSink;
  /** The epoch to act under; undefined when the shard must not act. */
  readonly epochOf: (shard: number) => number | undefined;
  readonly clock: Clock;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  /** The shard's demand is not what it was. */
  readonly onDemandChanged: () => void;
}

/** Hosts asked for one VM before the caller is told that there is none. */
export const assignAttemptsMax = 3;
/** Longest that a host may take to promise a VM; it is prepared afterwards. */
export const assignTimeoutMs = 5_000;
/** VMs ordered at most for a version that takes over from another, and how long hosts may take to promise them. */
export const takeoverVmsMax = 64;
export const takeoverOrderMaxMs = 2_000;
/** Between two attempts to pre-warm one VM. */
export const prewarmRetryWaitMs = 250;
/** An acquire repeated within this time gets the first one's answer. */
export const acquireMemoryMs = 60_000;
/** Acquires remembered for each shard. */
export const acquireMemoryMax = 10_000;
/** Attempts to tell a host what to keep; the next plan tells it again. */
export const keepAttemptsMax = 2;
/** "All of them", as a count of VMs to keep. */
export const keepCountAll = 1_000_000;
/** While a function that should have been released has idle VMs, hosts are told again so often. */
export const releaseRepeatMs = 1_000;
/** A host that was given a VM of a function counts as having one for so long without its heartbeat. */
export const assignedHostMemoryMs = 10_000;
/** Between two snapshots of a shard that changed, and at least so many times as long as the one before took. */
export const snapshotEveryMs = 30_000;
export const snapshotPauseFactor = 4;
/** Forecast windows told to who asks. */
export const windowsShownMax = 3;
/** Functions planned anew in one turn when a tenant's settings changed; calls come between the turns. */
export const replanBatch = 500;
