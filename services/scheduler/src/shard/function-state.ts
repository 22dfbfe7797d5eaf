/** What a shard holds of one function while it owns it. The record outlives the owner; the rest does not. */
import type { FunctionRecord, PlanPolicy } from "@tidepool/policy";
import type { CallWindow, StoredFunction } from "../ports.ts";
import type { ContributedDemand } from "./demand-book.ts";
import type { Memories, MemoryHolder, Unpacked } from "./memories.ts";
import { mostAskedFor } from "./version-mix.ts";
import type { VersionMix } from "./version-mix.ts";
import type { WaitingCalls } from "./waiting-calls.ts";
import type { Waking } from "./wake-heap.ts";
import type { WindowLedger } from "./window-ledger.ts";

export class FunctionState implements MemoryHolder, Waking {
  readonly name: string;
  /** Calls up to this message of the stream are in its record. */
  sequence = 0;
  /** The version that was planned for last. */
  version = "";
  /** The latest window that VMs were prepared for, until its release. */
  prepared: PreparedWindow | undefined = undefined;
  /** The same, or what it would be in shadow; stays after its release, to tell people. */
  latestPrepared: PreparedWindow | undefined = undefined;
  /** Why the window ahead is not prepared, in words. */
  notPrepared: string | undefined = undefined;
  /** Of its latest call; "" when that was before this owner's time. */
  calledVersion = "";
  calledAtMs = 0;
  /** Undefined while calls name no version and there was no other one. */
  mix: VersionMix | undefined = undefined;
  /** What hosts were last told to keep, when it differs from their own keep-alive. */
  told: KeepTold | undefined = undefined;
  /** VMs were ordered for declared calls up to this instant. */
  declaredUntilMs = 0;
  /** Its part of the shard's demand. */
  demand: ContributedDemand | undefined = undefined;
  /** Hosts that were given a VM of it, by when: their heartbeat may not tell yet. */
  assignedAtMs: Map<string, number> | undefined = undefined;
  /** When it was planned for last, if nothing came of that but the keep-alive; else 0. */
  quietSinceMs = 0;
  /** Until then further calls change nothing of its plan. */
  heldUntilMs = 0;
  /** The settings of that plan. */
  heldBy: PlanPolicy | undefined = undefined;
  /** What calls leave stays as long as hosts keep it by themselves. */
  isKeptAsUsual = false;
  /** Those calls that are not in its record yet: whoever reads the record finds them in it. */
  waiting: WaitingCalls | undefined = undefined;
  /** A call of it is not planned for yet. */
  isCalled = false;
  wakeAtMs: number | undefined = undefined;
  wakePlace = -1;
  unpacked: Unpacked | undefined = undefined;
  packedAt = -1;
  private readonly memories: Memories;

  constructor(name: string, memories: Memories) {
    this.name = name;
    this.memories = memories;
  }

  get record(): FunctionRecord {
    return this.inFull().record;
  }

  set record(record: FunctionRecord) {
    const unpacked = this.inFull();
    if (unpacked.record === record) return;
    unpacked.record = record;
    unpacked.isChanged = true;
  }

  /** How its windows went; undefined while it never had one. It is changed in place, so not to be held on to. */
  get ledger(): WindowLedger | undefined {
    const unpacked = this.inFull();
    if (unpacked.ledger !== undefined) unpacked.isChanged = true;
    return unpacked.ledger;
  }

  set ledger(ledger: WindowLedger | undefined) {
    const unpacked = this.inFull();
    unpacked.ledger = ledger;
    unpacked.isChanged = true;
  }

  /** Takes up the calls that wait. */
  learnWaiting(): void {
    if (this.waiting !== undefined) this.inFull();
  }

  private inFull(): Unpacked {
    const unpacked = this.memories.unpack(this);
    const { waiting } = this;
    if (waiting !== undefined) {
      this.waiting = undefined;
      waiting.learnInto(unpacked);
      unpacked.isChanged = true;
    }
    return unpacked;
  }

  /** As it goes into a snapshot. @param memory of its record and ledger, packed */
  stored(memory: Uint8Array): StoredFunction {
    const { name, sequence, wakeAtMs, version, demand } = this;
    const qualifier = mostAskedFor(this.mix);
    return { name, memory, sequence, wakeAtMs, version, demand, qualifier };
  }

  noteAssigned(hostId: string, atMs: number): void {
    (this.assignedAtMs ??= new Map()).set(hostId, atMs);
  }
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
