/**
 * All that is remembered of one function, to the message FunctionMemory of snapshot.proto and back, exactly: the
 * shard keeps it so while nobody asks for the function, and writes the same bytes into its snapshot.
 */
import type { FunctionRecord } from "@tidepool/policy";
import type { WindowLedger } from "../shard/window-ledger.ts";
import { readPattern, readTicks, writePattern, writeTicks } from "./history-codec.ts";
import { ProtoReader, ProtoWriter } from "./proto-bytes.ts";
import { readSlots, writeSlots } from "./slot-memory-codec.ts";
import { readLedger, writeLedger } from "./window-codec.ts";

/** Raised with every change of FunctionMemory that makes older ones unreadable. */
export const memoryFormat = 3;

export interface Remembered {
  readonly record: FunctionRecord;
  /** How the function's windows went; undefined while it never had one. */
  readonly ledger: WindowLedger | undefined;
}

const writer = new ProtoWriter();

/** @returns a view, valid until the next call */
export function encodeMemory({ record, ledger }: Remembered): Uint8Array {
  const { history, preparedUntilMs, account, slots } = record;
  writer.uintField(1, memoryFormat);
  writer.doubleField(2, history.grainMs);
  const ticks = writer.begin(3);
  writeTicks(writer, history.ticks);
  writer.end(ticks);
  writer.uintField(4, history.ticksSeen);
  writer.doubleField(5, history.callsSeen);
  if (history.pattern !== null) {
    const pattern = writer.begin(6);
    writePattern(writer, history.pattern);
    writer.end(pattern);
  }
  writer.doubleField(7, preparedUntilMs);
  writer.doubleField(8, account.spentMs);
  writer.doubleField(9, account.fixedMs);
  writer.doubleField(10, account.keptMs);
  if (account.open !== null) {
    const open = writer.begin(11);
    writer.uintField(1, account.open.count);
    writer.doubleField(2, account.open.readyByMs);
    writer.doubleField(3, account.open.releaseAtMs);
    writer.end(open);
  }
  if (slots !== undefined) {
    const began = writer.begin(12);
    writeSlots(writer, slots);
    writer.end(began);
  }
  if (ledger !== undefined) {
    const began = writer.begin(13);
    writeLedger(writer, ledger);
    writer.end(began);
  }
  return writer.take();
}

/** @throws RangeError for bytes of another format, or that break off */
export function decodeMemory(bytes: Uint8Array): Remembered {
  const reader = new ProtoReader(bytes);
  let format = 0;
  let grainMs = 0;
  let ticks: FunctionRecord["history"]["ticks"] = [];
  let ticksSeen = 0;
  let callsSeen = 0;
  let pattern: FunctionRecord["history"]["pattern"] = null;
  let preparedUntilMs = 0;
  let spentMs = 0;
  let fixedMs = 0;
  let keptMs = 0;
  let open: FunctionRecord["account"]["open"] = null;
  let slots: FunctionRecord["slots"];
  let ledger: WindowLedger | undefined;
  while (reader.next(reader.length)) {
    if (reader.field === 1) format = reader.varint();
    else if (reader.field === 2) grainMs = reader.double();
    else if (reader.field === 3) ticks = readTicks(reader, reader.part());
    else if (reader.field === 4) ticksSeen = reader.varint();
    else if (reader.field === 5) callsSeen = reader.double();
    else if (reader.field === 6) pattern = readPattern(reader, reader.part());
    else if (reader.field === 7) preparedUntilMs = reader.double();
    else if (reader.field === 8) spentMs = reader.double();
    else if (reader.field === 9) fixedMs = reader.double();
    else if (reader.field === 10) keptMs = reader.double();
    else if (reader.field === 11) open = readOpen(reader, reader.part());
    else if (reader.field === 12) slots = readSlots(reader, reader.part());
    else if (reader.field === 13) ledger = readLedger(reader, reader.part());
    else reader.skip();
  }
  if (format !== memoryFormat) throw new RangeError(`memory of format ${format}`);
  const history = { grainMs, ticks, ticksSeen, callsSeen, pattern };
  const account = { spentMs, fixedMs, keptMs, open };
  const record =
    slots === undefined
      ? { history, preparedUntilMs, account }
      : { history, preparedUntilMs, account, slots };
  return { record, ledger };
}

function readOpen(reader: ProtoReader, end: number): FunctionRecord["account"]["open"] {
  let count = 0;
  let readyByMs = 0;
  let releaseAtMs = 0;
  while (reader.next(end)) {
    if (reader.field === 1) count = reader.varint();
    else if (reader.field === 2) readyByMs = reader.double();
    else if (reader.field === 3) releaseAtMs = reader.double();
    else reader.skip();
  }
  return { count, readyByMs, releaseAtMs };
}
