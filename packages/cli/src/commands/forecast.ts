/** `tidepool forecast NAME`: what is expected of a function and why, what is done about it, and how it went. */
import type { Comparison, Forecast, PastWindow } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatClock, formatCount, formatDuration, formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function forecast(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const result = await withClient(options, (client) => client.getForecast(name));
  terminal.out(options.json === true ? `${JSON.stringify(result)}\n` : describeForecast(result));
}

const windowsShownMax = 5;

export function describeForecast(forecast: Forecast): string {
  const { evidence, callsSeen, hits, misses } = forecast;
  const lines = [
    headLine(forecast),
    `calls seen: ${callsSeen} · windows hit: ${hits}, missed: ${misses}`,
    ...evidence.map((text) => `  - ${text}`),
    `prediction ${forecast.prediction} (${forecast.predictionFrom}), a cold start is worth ${round(forecast.coldStartCost)} idle VM-seconds (${forecast.coldStartCostFrom})`,
    ...planLines(forecast),
    ...provisionedLines(forecast),
    ...comparisonLines(forecast),
    `pre-warmed VMs idled ${round(forecast.tenantCap.used)} of ${round(forecast.tenantCap.max)} VM-seconds of the tenant's hour, ${round(forecast.shardCap.used)} of ${round(forecast.shardCap.max)} of the shard's`,
  ];
  return `${lines.join("\n")}\n${windowsTable(forecast)}${recentTable(forecast.recent)}`;
}

/** Calls that are declared, come at several times, or are expected slot by slot, have no one period. */
function headLine({ name, degree, periodMs }: Forecast): string {
  if (degree === 0) return `${name}: no period known`;
  const period = periodMs > 0 ? `every ${formatDuration(periodMs)}` : "calls are expected";
  return `${name}: ${period}, degree ${degree.toFixed(2)}`;
}

function provisionedLines({ provisioned }: Forecast): string[] {
  if (provisioned === undefined) return [];
  const { wanted, ready, changesAtMs, wantedThen } = provisioned;
  const then =
    changesAtMs === undefined ? "" : `; ${wantedThen} from ${formatInstant(changesAtMs)} on`;
  return [`provisioned: ${ready} of ${formatCount(wanted, "VM")} wait${then}`];
}

function planLines({ plan, prediction, prewarmAtMs, prewarm, keepUntilMs }: Forecast): string[] {
  const would = prediction === "shadow" ? "would get" : "gets";
  const lines = plan.map((text) => `  - ${text}`);
  if (prewarmAtMs !== undefined)
    lines.push(`next VM ${would} ready from ${formatInstant(prewarmAtMs)} on`);
  if (prewarm !== undefined) {
    const { count, usedCount, readyByMs, releaseAtMs, isShadow, failures } = prewarm;
    lines.push(
      `${formatCount(count, "VM")} ${isShadow ? "would wait" : "to wait"} from ${formatClock(readyByMs)} to ${formatClock(releaseAtMs)}; ${formatCount(usedCount, "call")} so far`,
      ...failures.map((failure) => `  - pre-warm failed: ${failure}`),
    );
  }
  if (keepUntilMs !== undefined)
    lines.push(`idle VMs are kept until ${formatInstant(keepUntilMs)}`);
  return lines;
}

function comparisonLines({ comparison, prediction }: Forecast): string[] {
  if (comparison === undefined || comparison.calls === 0) return [];
  const word = prediction === "shadow" ? "would have had" : "has had";
  const { sinceMs, calls, coldStarts, fixedColdStarts } = comparison;
  return [
    `since ${formatInstant(sinceMs)}, of ${calls} calls: the plan ${word} ${coldStarts} cold and ${idle(comparison.idleVmSeconds)}, the fixed keep-alive ${fixedColdStarts} and ${idle(comparison.fixedIdleVmSeconds)}`,
    `  ${saved(comparison)}`,
  ];
}

function saved(comparison: Comparison): string {
  const { coldStarts, fixedColdStarts, idleVmSeconds, fixedIdleVmSeconds } = comparison;
  const avoided = fixedColdStarts - coldStarts;
  const savedSeconds = fixedIdleVmSeconds - idleVmSeconds;
  const cold = avoided >= 0 ? `${avoided} cold starts avoided` : `${-avoided} cold starts more`;
  return `${cold}, ${round(Math.abs(savedSeconds))} idle VM-seconds ${savedSeconds >= 0 ? "saved" : "more"} (modelled, one VM at a time)`;
}

function windowsTable({ windows }: Forecast): string {
  if (windows.length === 0) return "";
  const columns = [
    { title: "EXPECTED" },
    { title: "FROM" },
    { title: "TO" },
    { title: "CALLS", align: "right" },
    { title: "DEGREE", align: "right" },
  ] as const;
  const rows = windows
    .slice(0, windowsShownMax)
    .map((window) => [
      formatInstant(window.expectedAtMs),
      formatClock(window.startAtMs),
      formatClock(window.endAtMs),
      String(window.count),
      window.degree.toFixed(2),
    ]);
  return renderTable(columns, rows);
}

function recentTable(recent: readonly PastWindow[]): string {
  if (recent.length === 0) return "";
  const columns = [
    { title: "WAS EXPECTED" },
    { title: "CAME" },
    { title: "OFF BY", align: "right" },
    { title: "PREPARED" },
  ] as const;
  const rows = recent.map(({ window, calledAtMs, wasPrepared, wasShadow }) => [
    formatInstant(window.expectedAtMs),
    calledAtMs === undefined ? "missed" : formatClock(calledAtMs),
    calledAtMs === undefined ? "-" : offBy(calledAtMs - window.expectedAtMs),
    wasPrepared ? (wasShadow ? "would be" : "yes") : "no",
  ]);
  return renderTable(columns, rows);
}

function offBy(ms: number): string {
  return `${ms < 0 ? "-" : "+"}${formatDuration(Math.abs(ms))}`;
}

function idle(seconds: number): string {
  return `${round(seconds)} idle VM-seconds`;
}

function round(value: number): string {
  return String(Number(value.toFixed(value < 10 ? 1 : 0)));
}
