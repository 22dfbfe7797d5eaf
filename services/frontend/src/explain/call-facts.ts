/** The two records of a call, checked once: nothing past here sees an absent field of the wire. */
import { fromTimestamp, tidepool } from "@tidepool/proto";

export interface Span {
  readonly startAtMs: number;
  readonly endAtMs: number;
  readonly expectedAtMs: number;
  readonly count: number;
  readonly degree: number;
}

export interface Outcome {
  readonly requestId: string;
  readonly functionName: string;
  readonly version: string;
  readonly atMs: number;
  readonly endedAtMs: number;
  readonly start: tidepool.v1.Start;
  readonly vmId: string;
  readonly readyBeforeMs: number;
  readonly loadMs: number;
  readonly window: Span | undefined;
  /** "" when it did not fail. */
  readonly failureCode: string;
  readonly failureMessage: string;
  readonly underWay: readonly string[];
  readonly underWayCount: number;
}

export interface Expectation {
  readonly prediction: "on" | "shadow" | "off";
  readonly keepAliveMs: number;
  readonly callsSeen: number;
  readonly previousCallAtMs: number | undefined;
  readonly previousVersion: string;
  /** The latest call before of the version that this call ran; undefined when none is known. */
  readonly versionCalledAtMs: number | undefined;
  readonly window: Span | undefined;
  readonly degree: number;
  readonly prewarm: Prewarm | undefined;
  readonly keepUntilMs: number | undefined;
  readonly isKeptByForecast: boolean;
  readonly notPreparedBecause: string;
}

export interface Prewarm {
  readonly orderedAtMs: number;
  readonly readyByMs: number;
  readonly releaseAtMs: number;
  readonly count: number;
  readonly vmIds: readonly string[];
  readonly failures: readonly string[];
  readonly usedCount: number;
  readonly isShadow: boolean;
}

export interface Step {
  readonly atMs: number;
  readonly vmId: string;
  readonly hostId: string;
  readonly phase: string;
  readonly reason: string;
}

export function parseOutcome(wire: tidepool.v1.CallOutcome.$Properties): Outcome {
  const atMs = fromTimestamp(wire.at) ?? 0;
  return {
    requestId: wire.requestId ?? "",
    functionName: wire.functionName ?? "",
    version: wire.version ?? "",
    atMs,
    endedAtMs: fromTimestamp(wire.endedAt) ?? atMs,
    start: wire.start ?? tidepool.v1.Start.START_UNSPECIFIED,
    vmId: wire.vmId ?? "",
    readyBeforeMs: wire.readyBeforeMs ?? 0,
    loadMs: wire.stages?.loadMs ?? 0,
    window: parseSpan(wire.window),
    failureCode: wire.failureCode ?? "",
    failureMessage: wire.failureMessage ?? "",
    underWay: wire.underWay ?? [],
    underWayCount: wire.underWayCount ?? 0,
  };
}

export function parseExpectation(wire: tidepool.v1.CallExpectation.$Properties): Expectation {
  const { PREDICTION_SHADOW, PREDICTION_OFF } = tidepool.v1.Prediction;
  const isShadow = wire.prediction === PREDICTION_SHADOW;
  return {
    prediction: isShadow ? "shadow" : wire.prediction === PREDICTION_OFF ? "off" : "on",
    keepAliveMs: wire.keepAliveMs ?? 0,
    callsSeen: wire.callsSeen ?? 0,
    previousCallAtMs: fromTimestamp(wire.previousCallAt),
    previousVersion: wire.previousVersion ?? "",
    versionCalledAtMs: fromTimestamp(wire.versionCalledAt),
    window: parseSpan(wire.window),
    degree: wire.degree ?? 0,
    prewarm: wire.prewarm ? parsePrewarm(wire.prewarm) : undefined,
    keepUntilMs: fromTimestamp(wire.keepUntil),
    isKeptByForecast: wire.keepBecause === "forecast",
    notPreparedBecause: wire.notPreparedBecause ?? "",
  };
}

function parsePrewarm(wire: tidepool.v1.PrewarmRecord.$Properties): Prewarm {
  return {
    orderedAtMs: fromTimestamp(wire.orderedAt) ?? 0,
    readyByMs: fromTimestamp(wire.readyBy) ?? 0,
    releaseAtMs: fromTimestamp(wire.releaseAt) ?? 0,
    count: wire.count ?? 0,
    vmIds: wire.vmIds ?? [],
    failures: wire.failures ?? [],
    usedCount: wire.usedCount ?? 0,
    isShadow: wire.isShadow ?? false,
  };
}

function parseSpan(wire: tidepool.v1.Window.$Properties | null | undefined): Span | undefined {
  if (wire === null || wire === undefined) return undefined;
  return {
    startAtMs: fromTimestamp(wire.startAt) ?? 0,
    endAtMs: fromTimestamp(wire.endAt) ?? 0,
    expectedAtMs: fromTimestamp(wire.expectedAt) ?? 0,
    count: wire.count ?? 0,
    degree: wire.degree ?? 0,
  };
}
