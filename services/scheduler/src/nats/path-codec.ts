/**
 * What was forecast of the slots after a function's newest call; see SlotMemory of snapshot.proto. Slots come in runs
 * of one kind, since a function that is called seldom is forecast at the ends of its usual gaps only.
 */
import type { GapPath } from "@tidepool/policy";
import type { ProtoReader, ProtoWriter } from "./proto-bytes.ts";

const kinds = { quiet: 0, due: 1, forecast: 2 } as const;
const kindBits = 2;
/** Forecasts that are written; what comes later is made again. */
const forecastsMax = 512;
/** Slots that are read: what a path may reach. */
const slotsMax = 65_535;

export function writePath(writer: ProtoWriter, { edition, values }: GapPath): void {
  const slots = slotsWritten(values);
  if (slots === 0) return;
  writer.presentDouble(27, edition);
  const runs = writer.begin(28);
  for (let from = 0; from < slots;) {
    const kind = kindOf(values[from] ?? 0);
    let to = from + 1;
    while (to < slots && kindOf(values[to] ?? 0) === kind) to += 1;
    writer.varint(((to - from) << kindBits) | kind);
    from = to;
  }
  writer.end(runs);
  const forecasts = writer.begin(29);
  for (let i = 0; i < slots; i += 1) {
    const value = values[i] ?? 0;
    if (kindOf(value) === kinds.forecast) writer.float(value);
  }
  writer.end(forecasts);
}

/** Where each slot stands; those that were forecast are to be filled in. */
export function readRuns(reader: ProtoReader, end: number): Float32Array {
  let slots = 0;
  while (reader.isBefore(end)) {
    const run = reader.varint();
    const kind = run & ((1 << kindBits) - 1);
    const to = slots + (run >> kindBits);
    if (to > slotsMax) throw new RangeError(`a path of ${to} slots, at most ${slotsMax}`);
    marks.fill(kind === kinds.quiet ? 0 : kind === kinds.due ? Number.NaN : 1, slots, to);
    slots = to;
  }
  return marks.slice(0, slots);
}

export function readForecasts(reader: ProtoReader, end: number, values: Float32Array): void {
  for (let i = 0; i < values.length && reader.isBefore(end); i += 1)
    if (kindOf(values[i] ?? 0) === kinds.forecast) values[i] = reader.float();
}

const marks = new Float32Array(slotsMax);

function slotsWritten(values: Float32Array): number {
  let forecasts = 0;
  for (let i = 0; i < values.length; i += 1)
    if (kindOf(values[i] ?? 0) === kinds.forecast && ++forecasts > forecastsMax) return i;
  return values.length;
}

function kindOf(value: number): number {
  if (Number.isNaN(value)) return kinds.due;
  return value === 0 ? kinds.quiet : kinds.forecast;
}
