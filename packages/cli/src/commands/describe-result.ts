/** How a call ran, in words: for those who wait for its answer. */
import type { InvokeResult, Stages } from "@tidepool/sdk";
import { formatDuration, formatMs } from "../terminal/format.ts";
import type { Style, Terminal } from "../terminal/terminal.ts";

/** Two lines: how it started and how long each stage took, then who ran it. */
export function describeResult(result: Omit<InvokeResult, "payload">, terminal: Terminal): string {
  const { start, stages, readyBeforeMs, requestId, version, vmId, hostId } = result;
  const ready = readyBeforeMs > 0 ? ` · VM ready ${formatDuration(readyBeforeMs)} before` : "";
  const first = `${paintStart(start, terminal)} · ${formatMs(totalMs(stages))}${ready} (${describeStages(stages)})`;
  return `${first}\n${terminal.paint("dim", `request ${requestId} · version ${version} · VM ${vmId} on ${hostId}`)}`;
}

export function describeStages(stages: Stages): string {
  const parts: [string, number][] = [
    ["routing", stages.routingMs],
    ["waiting", stages.waitingMs],
    ["restore", stages.restoreMs],
    ["load", stages.loadMs],
    ["run", stages.runMs],
  ];
  return parts
    .filter(([name, ms]) => ms > 0 || name === "run")
    .map(([name, ms]) => `${name} ${formatMs(ms)}`)
    .join(", ");
}

export function totalMs(stages: Stages): number {
  const { routingMs, waitingMs, restoreMs, loadMs, runMs } = stages;
  return routingMs + waitingMs + restoreMs + loadMs + runMs;
}

const startStyles: Record<InvokeResult["start"], Style> = {
  predicted: "green",
  warm: "cyan",
  pool: "yellow",
  cold: "red",
  unknown: "dim",
};

export function paintStart(start: InvokeResult["start"], terminal: Terminal, width = 0): string {
  return terminal.paint(startStyles[start], start.padEnd(width));
}
