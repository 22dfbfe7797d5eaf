/**
 * All that is remembered of one function, to its protobuf message and back, exactly: the shard keeps it so
 * while nobody asks for the function, and writes the same bytes into its snapshot.
 */
import type { FunctionRecord } from "@tidepool/policy";
import { tidepool } from "@tidepool/proto";
import type { WindowLedger } from "../shard/window-ledger.ts";
import { slotMemoryFromWire, slotMemoryToWire } from "./slot-memory-codec.ts";
import { VarintReader, VarintWriter } from "./varints.ts";
import { ledgerFromWire, ledgerToWire } from "./window-codec.ts";

const { FunctionMemory } = tidepool.internal.v1;
type PatternWire = tidepool.internal.v1.PatternMemory.$Properties;
type History = FunctionRecord["history"];
type Pattern = NonNullable<History["pattern"]>;

/** Raised with every change of FunctionMemory that makes older ones unreadable. */
export const memoryFormat = 3;

export interface Remembered {
  readonly record: FunctionRecord;
  /** How the function's windows went; undefined while it never had one. */
  readonly ledger: WindowLedger | undefined;
}

const writer = new VarintWriter();

export function encodeMemory({ record, ledger }: Remembered): Uint8Array {
  const { history, preparedUntilMs, account, slots } = record;
  const { open, ...spent } = account;
  return FunctionMemory.encode({
    format: memoryFormat,
    grainMs: history.grainMs,
    ticks: ticksToBytes(history.ticks),
    ticksSeen: history.ticksSeen,
    callsSeen: history.callsSeen,
    ...(history.pattern === null ? {} : { pattern: patternToWire(history.pattern) }),
    preparedUntilMs,
    ...spent,
    ...(open === null ? {} : { open }),
    ...(slots === undefined ? {} : { slots: slotMemoryToWire(slots) }),
    ...(ledger === undefined ? {} : { windows: ledgerToWire(ledger) }),
  }).finish();
}

/** @throws RangeError for bytes of another format, or that break off */
export function decodeMemory(bytes: Uint8Array): Remembered {
  const wire = FunctionMemory.decode(bytes);
  if (wire.format !== memoryFormat) throw new RangeError(`memory of format ${wire.format}`);
  const { pattern, open, slots, windows } = wire;
  const record: FunctionRecord = {
    history: {
      grainMs: wire.grainMs ?? 0,
      ticks: ticksFromBytes(wire.ticks),
      ticksSeen: wire.ticksSeen ?? 0,
      callsSeen: wire.callsSeen ?? 0,
      pattern: pattern ? patternFromWire(pattern) : null,
    },
    preparedUntilMs: wire.preparedUntilMs ?? 0,
    account: {
      spentMs: wire.spentMs ?? 0,
      fixedMs: wire.fixedMs ?? 0,
      keptMs: wire.keptMs ?? 0,
      open: open
        ? {
            count: open.count ?? 0,
            readyByMs: open.readyByMs ?? 0,
            releaseAtMs: open.releaseAtMs ?? 0,
          }
        : null,
    },
  };
  return {
    record: slots ? { ...record, slots: slotMemoryFromWire(slots) } : record,
    ledger: windows ? ledgerFromWire(windows) : undefined,
  };
}

function ticksToBytes(ticks: History["ticks"]): Uint8Array {
  let beforeMs = 0;
  for (const { atMs, count } of ticks) {
    const wholeMs = Math.round(atMs);
    writer.uint(wholeMs - beforeMs);
    writer.uint(count);
    beforeMs = wholeMs;
  }
  return writer.take();
}

function ticksFromBytes(bytes: Uint8Array | null | undefined): History["ticks"] {
  const ticks: { readonly atMs: number; readonly count: number }[] = [];
  if (!bytes) return ticks;
  const reader = new VarintReader(bytes);
  let atMs = 0;
  while (!reader.isAtEnd) {
    atMs += reader.uint();
    ticks.push({ atMs, count: reader.uint() });
  }
  return ticks;
}

function patternToWire({ recent, ...numbers }: Pattern): PatternWire {
  let beforeMs = 0;
  let before = 0;
  for (const { index, atMs, count } of recent) {
    const wholeMs = Math.round(atMs);
    writer.int(index - before);
    writer.int(wholeMs - beforeMs);
    writer.uint(count);
    beforeMs = wholeMs;
    before = index;
  }
  return { ...numbers, recent: writer.take() };
}

function patternFromWire(wire: PatternWire): Pattern {
  const reader = new VarintReader(wire.recent ?? new Uint8Array());
  const recent: { readonly index: number; readonly atMs: number; readonly count: number }[] = [];
  let index = 0;
  let atMs = 0;
  while (!reader.isAtEnd) {
    index += reader.int();
    atMs += reader.int();
    recent.push({ index, atMs, count: reader.uint() });
  }
  return {
    periodMs: wire.periodMs ?? 0,
    dueAtMs: wire.dueAtMs ?? 0,
    toleranceMs: wire.toleranceMs ?? 0,
    clockErrorMs: wire.clockErrorMs ?? 0,
    stepErrorMs: wire.stepErrorMs ?? 0,
    recent,
    hitWeight: wire.hitWeight ?? 0,
    windowWeight: wire.windowWeight ?? 0,
    coverage: wire.coverage ?? 0,
    followShare: wire.followShare ?? 0,
    hits: wire.hits ?? 0,
    misses: wire.misses ?? 0,
  };
}
