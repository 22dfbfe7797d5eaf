/** What a shard holds of one function while it owns it. The record outlives the owner; the rest does not. */
import type { FunctionRecord } from "@tidepool/policy";
import type { CallWindow } from "../ports.ts";
import type { ContributedDemand } from "./demand-book.ts";

export interface FunctionState {
  readonly name: string;
  record: FunctionRecord;
  /** The version that was planned for last. */
  version: string;
  /** The latest window that VMs were prepared for, until its release. */
  prepared: PreparedWindow | undefined;
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
  /** Calls that have used it. */
  usedCount: number;
}

export interface KeepTold {
  readonly untilMs: number;
  readonly count: number;
}

export function createState(name: string, record: FunctionRecord): FunctionState {
  return {
    name,
    record,
    version: "",
    prepared: undefined,
    told: undefined,
    demand: undefined,
    assignedAtMs: new Map(),
  };
}
