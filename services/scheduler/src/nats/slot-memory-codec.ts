/** What the learned forecast remembers of a function: the message SlotMemory of snapshot.proto. */
import { restoreMemory } from "@tidepool/policy";
import type { SlotMemory } from "@tidepool/policy";
import { readForecasts, readRuns, writePath } from "./path-codec.ts";
import type { ProtoReader, ProtoWriter } from "./proto-bytes.ts";

const noGaps = new Uint16Array(0);
const noBits = new Uint32Array(0);
const noForecasts = new Float32Array(0);
const scratch = new Uint16Array(4_096);

/** From where it stands: to store it first would be to make it twice. */
export function writeSlots(
  writer: ProtoWriter,
  { slotMs, calls, account, phase }: SlotMemory,
): void {
  writer.doubleField(1, slotMs);
  writer.doubleField(2, calls.firstSlot);
  writer.doubleField(3, calls.lastSlot);
  writer.uintField(4, calls.total);
  writer.uintField(5, calls.lastCount);
  writer.doubleField(6, calls.countLevel);
  writer.uintField(7, calls.period);
  writer.uintField(8, calls.periodSoughtAt);
  writer.doubleField(9, calls.bias);
  writer.doubleField(10, calls.learned);
  writer.doubleField(11, calls.loss);
  writer.doubleField(12, calls.rateLoss);
  writer.doubleField(13, calls.slotsSettled);
  writer.doubleField(14, calls.hitsSettled);
  writer.flagField(17, account.isOn);
  writer.doubleField(18, account.forecastCost);
  writer.doubleField(19, account.forecastWaste);
  writer.doubleField(20, account.keepAliveCost);
  writer.doubleField(21, account.keepAliveWaste);
  writer.doubleField(22, phase.cosine);
  writer.doubleField(23, phase.sine);
  writer.doubleField(24, phase.weight);
  const gaps = writer.begin(25);
  writer.varints(scratch, calls.copyGaps(scratch));
  writer.end(gaps);
  const { bits: words, path } = calls;
  if (words !== undefined) {
    const bits = writer.begin(26);
    for (let i = 0; i < words.length; i += 1) writer.word(words[i] ?? 0);
    writer.end(bits);
  }
  if (path !== undefined) writePath(writer, path);
}

export function readSlots(reader: ProtoReader, end: number): SlotMemory {
  let slotMs = 0;
  const calls = {
    firstSlot: 0,
    lastSlot: 0,
    total: 0,
    lastCount: 0,
    countLevel: 0,
    period: 0,
    periodSoughtAt: 0,
    bias: 0,
    learned: 0,
    loss: 0,
    rateLoss: 0,
    slotsSettled: 0,
    hitsSettled: 0,
    gaps: noGaps,
    bits: noBits,
  };
  const account = {
    isOn: false,
    forecastCost: 0,
    forecastWaste: 0,
    keepAliveCost: 0,
    keepAliveWaste: 0,
  };
  const phase = { cosine: 0, sine: 0, weight: 0 };
  let edition = 0;
  let forecasts: Float32Array = noForecasts;
  while (reader.next(end)) {
    if (reader.field === 1) slotMs = reader.double();
    else if (reader.field === 2) calls.firstSlot = reader.double();
    else if (reader.field === 3) calls.lastSlot = reader.double();
    else if (reader.field === 4) calls.total = reader.varint();
    else if (reader.field === 5) calls.lastCount = reader.varint();
    else if (reader.field === 6) calls.countLevel = reader.double();
    else if (reader.field === 7) calls.period = reader.varint();
    else if (reader.field === 8) calls.periodSoughtAt = reader.varint();
    else if (reader.field === 9) calls.bias = reader.double();
    else if (reader.field === 10) calls.learned = reader.double();
    else if (reader.field === 11) calls.loss = reader.double();
    else if (reader.field === 12) calls.rateLoss = reader.double();
    else if (reader.field === 13) calls.slotsSettled = reader.double();
    else if (reader.field === 14) calls.hitsSettled = reader.double();
    else if (reader.field === 17) account.isOn = reader.varint() === 1;
    else if (reader.field === 18) account.forecastCost = reader.double();
    else if (reader.field === 19) account.forecastWaste = reader.double();
    else if (reader.field === 20) account.keepAliveCost = reader.double();
    else if (reader.field === 21) account.keepAliveWaste = reader.double();
    else if (reader.field === 22) phase.cosine = reader.double();
    else if (reader.field === 23) phase.sine = reader.double();
    else if (reader.field === 24) phase.weight = reader.double();
    else if (reader.field === 25) calls.gaps = readGaps(reader, reader.part());
    else if (reader.field === 26) calls.bits = readBits(reader, reader.part());
    else if (reader.field === 27) edition = reader.double();
    else if (reader.field === 28) forecasts = readRuns(reader, reader.part());
    else if (reader.field === 29) readForecasts(reader, reader.part(), forecasts);
    else reader.skip();
  }
  const memory = restoreMemory({ slotMs, calls, account, phase });
  if (edition > 0) memory.calls.path = { edition, values: forecasts, isNew: false };
  return memory;
}

/** A view, valid until the next is read, as that of the bits: what is restored of it is a copy. */
function readGaps(reader: ProtoReader, end: number): Uint16Array<ArrayBuffer> {
  return scratch.subarray(0, reader.varints(end, scratch));
}

function readBits(reader: ProtoReader, end: number): Uint32Array<ArrayBuffer> {
  let count = 0;
  while (reader.isBefore(end)) words[count++] = reader.word();
  return words.subarray(0, count);
}

const words = new Uint32Array(1_024);
