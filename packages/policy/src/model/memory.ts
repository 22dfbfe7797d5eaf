/**
 * What a function's record keeps for the learned forecast: the slots with calls, what its own outcomes
 * taught, and where in a slot its calls come. Never changed in place: each change gives a new one.
 */
import { CallHistory, type StoredHistory } from "./history.ts";
import { notePhase, phaseNone, type Phase } from "./phase.ts";
import { createAccount, type WarmAccount } from "./warm.ts";

export interface SlotMemory {
  /** Length of a slot; slots are counted from the epoch. */
  readonly slotMs: number;
  readonly calls: CallHistory;
  readonly account: Readonly<WarmAccount>;
  readonly phase: Phase;
}

/** As plain data, for the snapshot. */
export interface StoredMemory {
  readonly slotMs: number;
  readonly calls: StoredHistory;
  readonly account: Readonly<WarmAccount>;
  readonly phase: Phase;
}

export function createMemory(slotMs: number): SlotMemory {
  return { slotMs, calls: new CallHistory(), account: createAccount(), phase: phaseNone };
}

export function slotAt(memory: Pick<SlotMemory, "slotMs">, atMs: number): number {
  return Math.floor(atMs / memory.slotMs);
}

/** Calls arrived; what was forecast of the slots before is settled already. */
export function rememberCalls(memory: SlotMemory, atMs: number, count: number): SlotMemory {
  return remembered(memory, memory.calls.clone(), memory.account, atMs, count);
}

/** The same, into a copy of its calls that nobody else has, and with what was learned of it. */
export function remembered(
  { slotMs, calls: before, phase }: SlotMemory,
  calls: CallHistory,
  account: Readonly<WarmAccount>,
  atMs: number,
  count: number,
): SlotMemory {
  const slot = Math.max(Math.floor(atMs / slotMs), before.lastSlot);
  const isNew = slot > before.lastSlot;
  calls.observe(slot, count);
  return { slotMs, calls, account, phase: isNew ? notePhase(phase, atMs, slotMs) : phase };
}

export function storeMemory({ slotMs, calls, account, phase }: SlotMemory): StoredMemory {
  return { slotMs, calls: calls.store(), account, phase };
}

export function restoreMemory({ slotMs, calls, account, phase }: StoredMemory): SlotMemory {
  return { slotMs, calls: CallHistory.restore(calls), account, phase };
}
