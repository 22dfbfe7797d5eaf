/** What a shard holds of one function while it owns it. The record outlives the owner; the rest does not. */
import type { FunctionRecord } from "@tidepool/policy";
import type { CallWindow } from "../ports.ts";
import type { ContributedDemand } from "./demand-book.ts";
import type { WindowLedger } from "./window-ledger.ts";

export interface FunctionState {
  readonly name: string;
  record: FunctionRecord;
  /** The version that was planned for last. */
  version: string;
  /** The latest window that VMs were prepared for, until its release. */
  prepared: PreparedWindow | undefined;
  /** The same, or what it would be in shadow; stays after its release, to tell people. */
  latestPrepared: PreparedWindow | undefined;
  /** Why the window ahead is not prepared, in words. */
  notPrepared: string | undefined;
  /** How its windows went; undefined while it never had one. */
  ledger: WindowLedger | undefined;
  /** Of its latest call; "" when that was before this owner's time. */
  calledVersion: string;
  /** What hosts were last told to keep, when it differs from their own keep-alive. */
  told: KeepTold | undefined;
  /** Its part of the shard's demand. */
  demand: ContributedDemand | undefined;
  /** Hosts that were given a VM of it, by when: their heartbeat may not tell yet. */
  readonly assignedAtMs: Map<string, number>;
}

export interface PreparedWindow {
  readonly window: CallWindow;
  readonly readyByMs: number;
  readonly releaseAtMs: number;
  readonly orderedAtMs: number;
  /** How many of its VMs were new. */
  readonly orderCount: number;
  /** Nothing was ordered. */
  readonly isShadow: boolean;
  readonly vmIds: string[];
  /** Of orders that no VM came of, in words; at most prewarmFailuresKeptMax. */
  readonly failures: string[];
  /** Calls that have used it. */
  usedCount: number;
}

export const prewarmFailuresKeptMax = 4;

export interface KeepTold {
  readonly untilMs: number;
  readonly count: number;
}

export function createState(
  name: string,
  record: FunctionRecord,
  ledger?: WindowLedger,
): FunctionState {
  return {
    name,
    record,
    version: "",
    prepared: undefined,
    latestPrepared: undefined,
    notPrepared: undefined,
    ledger,
    calledVersion: "",
    told: undefined,
    demand: undefined,
    assignedAtMs: new Map(),
  };
}
