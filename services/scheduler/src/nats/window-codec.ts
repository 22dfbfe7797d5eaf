/** How a function's windows went, to its protobuf message and back. Instants are rounded to milliseconds. */
import type { tidepool } from "@tidepool/proto";
import type { CallWindow } from "../ports.ts";
import type { PastWindow, WindowLedger } from "../shard/window-ledger.ts";
import { VarintReader, VarintWriter } from "./varints.ts";

type Wire = tidepool.internal.v1.WindowMemory.$Properties;

const writer = new VarintWriter();
const flags = { isThere: 1, wasPrepared: 2, wasShadow: 4, wasCalled: 8 } as const;
const degreeSteps = 1e6;

export function ledgerToWire(ledger: WindowLedger): Wire {
  const { open, recent, waiting, latestCallAtMs, ...numbers } = ledger;
  const originMs = Math.round(ledger.sinceMs);
  if (open === null) writer.uint(0);
  else
    writeWindow(originMs, {
      window: open.window,
      calledAtMs: null,
      wasPrepared: open.isPrepared,
      wasShadow: open.isShadow,
    });
  for (const past of recent) writeWindow(originMs, past);
  return {
    ...numbers,
    ...(latestCallAtMs === null ? {} : { latestCallAtMs }),
    ...(waiting === null
      ? {}
      : { waitingReadyByMs: waiting.readyByMs, waitingReleaseAtMs: waiting.releaseAtMs }),
    windows: writer.take(),
  };
}

export function ledgerFromWire(wire: Wire): WindowLedger {
  const sinceMs = wire.sinceMs ?? 0;
  const originMs = Math.round(sinceMs);
  const reader = new VarintReader(wire.windows ?? new Uint8Array());
  const first = reader.isAtEnd ? undefined : readWindow(originMs, reader);
  const recent: PastWindow[] = [];
  while (!reader.isAtEnd) {
    const past = readWindow(originMs, reader);
    if (past !== undefined) recent.push(past);
  }
  const { waitingReadyByMs: readyByMs, waitingReleaseAtMs: releaseAtMs } = wire;
  return {
    sinceMs,
    open:
      first === undefined
        ? null
        : { window: first.window, isPrepared: first.wasPrepared, isShadow: first.wasShadow },
    recent,
    calls: wire.calls ?? 0,
    coldStarts: wire.coldStarts ?? 0,
    fixedColdStarts: wire.fixedColdStarts ?? 0,
    idleMs: wire.idleMs ?? 0,
    fixedIdleMs: wire.fixedIdleMs ?? 0,
    preparedWindows: wire.preparedWindows ?? 0,
    latestCallAtMs: wire.latestCallAtMs ?? null,
    keptUntilMs: wire.keptUntilMs ?? 0,
    waiting:
      typeof readyByMs === "number" ? { readyByMs, releaseAtMs: releaseAtMs ?? readyByMs } : null,
  };
}

function writeWindow(originMs: number, past: PastWindow): void {
  const { window, calledAtMs, wasPrepared, wasShadow } = past;
  const startAtMs = Math.round(window.startAtMs);
  writer.uint(
    flags.isThere |
      (wasPrepared ? flags.wasPrepared : 0) |
      (wasShadow ? flags.wasShadow : 0) |
      (calledAtMs === null ? 0 : flags.wasCalled),
  );
  writer.int(startAtMs - originMs);
  writer.int(Math.round(window.expectedAtMs) - startAtMs);
  writer.int(Math.round(window.endAtMs) - startAtMs);
  writer.uint(Math.max(0, Math.round(window.count)));
  writer.uint(Math.round(window.degree * degreeSteps));
  if (calledAtMs !== null) writer.int(Math.round(calledAtMs) - startAtMs);
}

function readWindow(originMs: number, reader: VarintReader): PastWindow | undefined {
  const has = reader.uint();
  if ((has & flags.isThere) === 0) return undefined;
  const startAtMs = originMs + reader.int();
  const window: CallWindow = {
    startAtMs,
    expectedAtMs: startAtMs + reader.int(),
    endAtMs: startAtMs + reader.int(),
    count: reader.uint(),
    degree: reader.uint() / degreeSteps,
  };
  return {
    window,
    calledAtMs: (has & flags.wasCalled) === 0 ? null : startAtMs + reader.int(),
    wasPrepared: (has & flags.wasPrepared) !== 0,
    wasShadow: (has & flags.wasShadow) !== 0,
  };
}
