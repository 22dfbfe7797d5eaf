/** Replays a trace file against a running system, shown as it goes. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TidepoolClient } from "@tidepool/sdk";
import type { Terminal } from "../terminal/terminal.ts";
import { createClientSystem } from "./client-system.ts";
import { createLiveView } from "./live-view.ts";
import { replay } from "./replay.ts";
import type { MinuteRange } from "./schedule.ts";
import { keepAliveComparedMs } from "./summary.ts";
import type { ReplaySummary } from "./summary.ts";
import { readTrace } from "./trace-file.ts";
import type { TraceRow } from "./trace-file.ts";

export interface ReplayFileOptions {
  readonly path: string;
  readonly speed: number;
  /** From the first minute with a call to the last when absent. */
  readonly range?: MinuteRange;
  readonly functionsMax: number;
  readonly concurrencyMax: number;
}

export const functionsMaxDefault = 50;
export const concurrencyMaxDefault = 64;

const examplesPath = fileURLToPath(new URL("../../../../examples", import.meta.url));
export const replayedFunctionPath = join(examplesPath, "replay");
export const excerptPath = join(examplesPath, "traces", "excerpt.jsonl");

export async function replayFile(
  client: TidepoolClient,
  options: ReplayFileOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ReplaySummary> {
  const { path, speed, functionsMax, concurrencyMax } = options;
  const rows = await readTrace(path);
  const range = options.range ?? wholeRange(rows.slice(0, functionsMax));
  const system = createClientSystem(client, {
    codePath: replayedFunctionPath,
    // The keep-alive of the comparison, as much faster as the calls.
    keepAliveMs: Math.max(1, Math.round(keepAliveComparedMs / speed)),
    signal,
  });
  const view = createLiveView(terminal, { speed, firstMinute: range.first });
  try {
    return await replay(rows, system, view, { speed, range, functionsMax, concurrencyMax, signal });
  } finally {
    terminal.status("");
  }
}

function wholeRange(rows: readonly TraceRow[]): MinuteRange {
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const { minutes } of rows) {
    first = Math.min(first, minutes[0] ?? first);
    last = Math.max(last, minutes.at(-1) ?? 0);
  }
  return { first: Number.isFinite(first) ? first : 0, last };
}
