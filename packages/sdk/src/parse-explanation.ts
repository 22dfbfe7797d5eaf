/** The explanation of a call as plain data. */
import { fromTimestamp, tidepool } from "@tidepool/proto";
import { parsePrewarm, parseStages, parseStart, parseWindow } from "./parse.ts";
import { parsePrediction } from "./settings.ts";
import type { CallExpectation, CallExplanation, CallOutcome } from "./types.ts";

export function parseExplanation(
  wire: tidepool.v1.ExplainCallResponse.$Properties,
): CallExplanation {
  return {
    requestId: wire.requestId ?? "",
    functionName: wire.functionName ?? "",
    summary: wire.summary ?? "",
    reason: wire.reason ?? "",
    outcome: wire.outcome ? parseOutcome(wire.outcome) : undefined,
    expectation: wire.expectation ? parseExpectation(wire.expectation) : undefined,
    vmSteps: (wire.vmSteps ?? []).map((step) => ({
      atMs: fromTimestamp(step.at) ?? 0,
      vmId: step.vmId ?? "",
      hostId: step.hostId ?? "",
      phase: step.phase ?? "",
      reason: step.reason ?? "",
    })),
  };
}

function parseOutcome(wire: tidepool.v1.CallOutcome.$Properties): CallOutcome {
  const atMs = fromTimestamp(wire.at) ?? 0;
  const hasStart = (wire.start ?? 0) !== tidepool.v1.Start.START_UNSPECIFIED;
  return {
    version: wire.version ?? "",
    atMs,
    endedAtMs: fromTimestamp(wire.endedAt) ?? atMs,
    start: hasStart ? parseStart(wire.start) : undefined,
    stages: parseStages(wire.stages),
    vmId: wire.vmId ?? "",
    hostId: wire.hostId ?? "",
    readyBeforeMs: wire.readyBeforeMs ?? 0,
    window: wire.window ? parseWindow(wire.window) : undefined,
    failure: wire.failureCode
      ? { code: wire.failureCode, message: wire.failureMessage ?? "" }
      : undefined,
    underWay: wire.underWay ?? [],
    underWayCount: wire.underWayCount ?? 0,
  };
}

function parseExpectation(wire: tidepool.v1.CallExpectation.$Properties): CallExpectation {
  return {
    prediction: parsePrediction(wire.prediction),
    coldStartCost: wire.coldStartCost ?? 0,
    keepAliveMs: wire.keepAliveMs ?? 0,
    callsSeen: wire.callsSeen ?? 0,
    previousCallAtMs: fromTimestamp(wire.previousCallAt),
    degree: wire.degree ?? 0,
    window: wire.window ? parseWindow(wire.window) : undefined,
    evidence: wire.evidence ?? [],
    hits: wire.hits ?? 0,
    misses: wire.misses ?? 0,
    prewarm: wire.prewarm ? parsePrewarm(wire.prewarm) : undefined,
    keepUntilMs: fromTimestamp(wire.keepUntil),
    keepBecause: wire.keepBecause ?? "",
    notPreparedBecause: wire.notPreparedBecause ?? "",
    idleVms: wire.idleVms ?? 0,
    busyVms: wire.busyVms ?? 0,
  };
}
