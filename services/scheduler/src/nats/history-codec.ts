/** Instants of calls, and the fixed period that was found in them; see snapshot.proto. */
import type { FunctionRecord } from "@tidepool/policy";
import type { ProtoReader, ProtoWriter } from "./proto-bytes.ts";

type History = FunctionRecord["history"];
type Pattern = NonNullable<History["pattern"]>;

export function writeTicks(writer: ProtoWriter, ticks: History["ticks"]): void {
  let beforeMs = 0;
  for (const { atMs, count } of ticks) {
    const wholeMs = Math.round(atMs);
    writer.varint(wholeMs - beforeMs);
    writer.varint(count);
    beforeMs = wholeMs;
  }
}

export function readTicks(reader: ProtoReader, end: number): History["ticks"] {
  let known = 0;
  let atMs = 0;
  while (reader.isBefore(end)) {
    atMs += reader.varint();
    ticksRead[known++] = { atMs, count: reader.varint() };
  }
  return ticksRead.slice(0, known);
}

/** Filled anew by each: what is read is a copy of its own length. */
const ticksRead: { readonly atMs: number; readonly count: number }[] = [];

export function writePattern(writer: ProtoWriter, pattern: Pattern): void {
  writer.doubleField(1, pattern.periodMs);
  writer.doubleField(2, pattern.dueAtMs);
  writer.doubleField(3, pattern.toleranceMs);
  writer.doubleField(4, pattern.clockErrorMs);
  writer.doubleField(5, pattern.stepErrorMs);
  writer.doubleField(6, pattern.hitWeight);
  writer.doubleField(7, pattern.windowWeight);
  writer.doubleField(8, pattern.coverage);
  writer.doubleField(9, pattern.followShare);
  writer.uintField(10, pattern.hits);
  writer.uintField(11, pattern.misses);
  const began = writer.begin(12);
  let beforeMs = 0;
  let before = 0;
  for (const { index, atMs, count } of pattern.recent) {
    const wholeMs = Math.round(atMs);
    writer.signed(index - before);
    writer.signed(wholeMs - beforeMs);
    writer.varint(count);
    beforeMs = wholeMs;
    before = index;
  }
  writer.end(began);
}

export function readPattern(reader: ProtoReader, end: number): Pattern {
  let periodMs = 0;
  let dueAtMs = 0;
  let toleranceMs = 0;
  let clockErrorMs = 0;
  let stepErrorMs = 0;
  let hitWeight = 0;
  let windowWeight = 0;
  let coverage = 0;
  let followShare = 0;
  let hits = 0;
  let misses = 0;
  let recent: Pattern["recent"] = [];
  while (reader.next(end)) {
    if (reader.field === 1) periodMs = reader.double();
    else if (reader.field === 2) dueAtMs = reader.double();
    else if (reader.field === 3) toleranceMs = reader.double();
    else if (reader.field === 4) clockErrorMs = reader.double();
    else if (reader.field === 5) stepErrorMs = reader.double();
    else if (reader.field === 6) hitWeight = reader.double();
    else if (reader.field === 7) windowWeight = reader.double();
    else if (reader.field === 8) coverage = reader.double();
    else if (reader.field === 9) followShare = reader.double();
    else if (reader.field === 10) hits = reader.varint();
    else if (reader.field === 11) misses = reader.varint();
    else if (reader.field === 12) recent = readHits(reader, reader.part());
    else reader.skip();
  }
  return {
    periodMs,
    dueAtMs,
    toleranceMs,
    clockErrorMs,
    stepErrorMs,
    recent,
    hitWeight,
    windowWeight,
    coverage,
    followShare,
    hits,
    misses,
  };
}

function readHits(reader: ProtoReader, end: number): Pattern["recent"] {
  let known = 0;
  let index = 0;
  let atMs = 0;
  while (reader.isBefore(end)) {
    index += reader.signed();
    atMs += reader.signed();
    hitsRead[known++] = { index, atMs, count: reader.varint() };
  }
  return hitsRead.slice(0, known);
}

const hitsRead: { readonly index: number; readonly atMs: number; readonly count: number }[] = [];
