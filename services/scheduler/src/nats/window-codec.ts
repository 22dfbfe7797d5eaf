/** How a function's windows went: the message WindowMemory of snapshot.proto. Instants are rounded to milliseconds. */
import type { CallWindow } from "../ports.ts";
import type { PastWindow, WindowLedger } from "../shard/window-ledger.ts";
import type { ProtoReader, ProtoWriter } from "./proto-bytes.ts";

const flags = { isThere: 1, wasPrepared: 2, wasShadow: 4, wasCalled: 8 } as const;
const degreeSteps = 1e6;

export function writeLedger(writer: ProtoWriter, ledger: WindowLedger): void {
  const { open, recent, waiting, latestCallAtMs } = ledger;
  writer.doubleField(1, ledger.sinceMs);
  writer.uintField(2, ledger.calls);
  writer.uintField(3, ledger.coldStarts);
  writer.uintField(4, ledger.fixedColdStarts);
  writer.doubleField(5, ledger.idleMs);
  writer.doubleField(6, ledger.fixedIdleMs);
  writer.uintField(7, ledger.preparedWindows);
  if (latestCallAtMs !== null) writer.presentDouble(8, latestCallAtMs);
  writer.doubleField(9, ledger.keptUntilMs);
  if (waiting !== null) {
    writer.presentDouble(10, waiting.readyByMs);
    writer.presentDouble(11, waiting.releaseAtMs);
  }
  const began = writer.begin(12);
  const originMs = Math.round(ledger.sinceMs);
  if (open === null) writer.varint(0);
  else {
    const { window, isPrepared: wasPrepared, isShadow: wasShadow } = open;
    writeWindow(writer, originMs, { window, calledAtMs: null, wasPrepared, wasShadow });
  }
  for (const past of recent) writeWindow(writer, originMs, past);
  writer.end(began);
}

export function readLedger(reader: ProtoReader, end: number): WindowLedger {
  let sinceMs = 0;
  let readyByMs: number | undefined;
  let releaseAtMs = 0;
  let calls = 0;
  let coldStarts = 0;
  let fixedColdStarts = 0;
  let idleMs = 0;
  let fixedIdleMs = 0;
  let preparedWindows = 0;
  let latestCallAtMs: number | null = null;
  let keptUntilMs = 0;
  let windows: Pick<WindowLedger, "open" | "recent"> = { open: null, recent: [] };
  while (reader.next(end)) {
    if (reader.field === 1) sinceMs = reader.double();
    else if (reader.field === 2) calls = reader.varint();
    else if (reader.field === 3) coldStarts = reader.varint();
    else if (reader.field === 4) fixedColdStarts = reader.varint();
    else if (reader.field === 5) idleMs = reader.double();
    else if (reader.field === 6) fixedIdleMs = reader.double();
    else if (reader.field === 7) preparedWindows = reader.varint();
    else if (reader.field === 8) latestCallAtMs = reader.double();
    else if (reader.field === 9) keptUntilMs = reader.double();
    else if (reader.field === 10) readyByMs = reader.double();
    else if (reader.field === 11) releaseAtMs = reader.double();
    else if (reader.field === 12) windows = readWindows(reader, reader.part(), Math.round(sinceMs));
    else reader.skip();
  }
  return {
    sinceMs,
    open: windows.open,
    recent: windows.recent,
    calls,
    coldStarts,
    fixedColdStarts,
    idleMs,
    fixedIdleMs,
    preparedWindows,
    latestCallAtMs,
    keptUntilMs,
    waiting: readyByMs === undefined ? null : { readyByMs, releaseAtMs },
  };
}

function readWindows(
  reader: ProtoReader,
  end: number,
  originMs: number,
): Pick<WindowLedger, "open" | "recent"> {
  const first = readWindow(reader, originMs);
  const recent: PastWindow[] = [];
  while (reader.isBefore(end)) {
    const past = readWindow(reader, originMs);
    if (past !== undefined) recent.push(past);
  }
  if (first === undefined) return { open: null, recent };
  const { window, wasPrepared: isPrepared, wasShadow: isShadow } = first;
  return { open: { window, isPrepared, isShadow }, recent };
}

function writeWindow(writer: ProtoWriter, originMs: number, past: PastWindow): void {
  const { window, calledAtMs, wasPrepared, wasShadow } = past;
  const startAtMs = Math.round(window.startAtMs);
  writer.varint(
    flags.isThere |
      (wasPrepared ? flags.wasPrepared : 0) |
      (wasShadow ? flags.wasShadow : 0) |
      (calledAtMs === null ? 0 : flags.wasCalled),
  );
  writer.signed(startAtMs - originMs);
  writer.signed(Math.round(window.expectedAtMs) - startAtMs);
  writer.signed(Math.round(window.endAtMs) - startAtMs);
  writer.varint(Math.max(0, Math.round(window.count)));
  writer.varint(Math.round(window.degree * degreeSteps));
  if (calledAtMs !== null) writer.signed(Math.round(calledAtMs) - startAtMs);
}

function readWindow(reader: ProtoReader, originMs: number): PastWindow | undefined {
  const has = reader.varint();
  if ((has & flags.isThere) === 0) return undefined;
  const startAtMs = originMs + reader.signed();
  const window: CallWindow = {
    startAtMs,
    expectedAtMs: startAtMs + reader.signed(),
    endAtMs: startAtMs + reader.signed(),
    count: reader.varint(),
    degree: reader.varint() / degreeSteps,
  };
  return {
    window,
    calledAtMs: (has & flags.wasCalled) === 0 ? null : startAtMs + reader.signed(),
    wasPrepared: (has & flags.wasPrepared) !== 0,
    wasShadow: (has & flags.wasShadow) !== 0,
  };
}
