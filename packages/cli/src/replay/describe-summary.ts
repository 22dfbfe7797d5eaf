/** The summary of a replay for people. Pure. */
import { formatMs, formatShare } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";
import { learnedFromOrdinal, startKinds } from "./summary.ts";
import type { ReplaySummary } from "./summary.ts";

export function describeSummary(summary: ReplaySummary): string {
  const { calls, functions, speed, starts, fixedKeepAlive, periodic } = summary;
  const startText = startKinds.map((kind) => `${starts[kind]} ${kind}`).join(", ");
  const seconds = (value: number): string => `${Math.round(value)} s`;
  const comparison = renderTable(
    [
      { title: "" },
      { title: "COLD STARTS", align: "right" },
      { title: "IDLE VM TIME", align: "right" },
    ],
    [
      ["tidepool", String(summary.coldStarts), seconds(summary.idleVmSeconds)],
      [
        "fixed keep-alive, 10 min",
        String(fixedKeepAlive.coldStarts),
        seconds(fixedKeepAlive.idleVmSeconds),
      ],
    ],
  );
  const failures = Object.entries(summary.failuresByCode).map(([code, n]) => `${n} ${code}`);
  const lines = [
    `${summary.wasInterrupted ? "interrupted after " : ""}${calls} calls of ${functions} functions at ${speed} times their speed`,
    `  started: ${startText}`,
    `  failed: ${summary.failures}${failures.length === 0 ? "" : ` (${failures.join(", ")})`}`,
    `  latency: ${formatMs(summary.latencyP50Ms)} median, ${formatMs(summary.latencyP99Ms)} at the 99th percentile`,
    periodic.share === undefined
      ? `  fixed periods: no function with one was called ${learnedFromOrdinal} times`
      : `  fixed periods: ${periodic.functions} functions; from their ${learnedFromOrdinal}th call on ${periodic.predictedOrWarm} of ${periodic.calls} (${formatShare(periodic.share)}) predicted or warm, VM ready before ${periodic.readyBefore}`,
    "",
    ...comparison.trimEnd().split("\n"),
    "",
    `Cold: the code was not loaded when the call came. Idle VM time: VMs with code that waited, in the trace's`,
    `seconds; the generic pool, which the other side does not have, waited ${seconds(summary.genericVmSeconds)} besides.`,
  ];
  return `${lines.join("\n")}\n`;
}
