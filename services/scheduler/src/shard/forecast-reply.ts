/** What the scheduler expects of a function, what it does about that, and how it went, as the API tells it. */
import type { Decision, Description } from "@tidepool/policy";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { windowToWire } from "../nats/host-commands.ts";
import { predictionToWire } from "../nats/prediction.ts";
import { prewarmToWire } from "./expectation.ts";
import type { FunctionState } from "./function-state.ts";
import type { CapUse } from "./prewarm-meter.ts";
import type { Terms } from "./terms.ts";
import type { PastWindow, WindowLedger } from "./window-ledger.ts";

export interface ForecastInput {
  readonly name: string;
  /** Undefined for a function that was never called. */
  readonly state: FunctionState | undefined;
  readonly terms: Terms;
  readonly known: Description;
  readonly decision: Decision;
  /** When VMs for the next declared calls are ordered; undefined when none are declared. */
  readonly declaredOrderAtMs: number | undefined;
  readonly keepAliveMs: number;
  /** Why the next window will not be prepared, in words. */
  readonly refusal: string | undefined;
  readonly ofTenant: CapUse;
  readonly ofShard: CapUse;
  readonly nowMs: number;
}

type Reply = tidepool.v1.GetForecastResponse.$Properties;

export function forecastReply(input: ForecastInput): Reply {
  const { name, state, terms, known, decision, nowMs } = input;
  const orderedAtMs = [decision.prewarm?.startAtMs, input.declaredOrderAtMs];
  const prewarmAtMs = orderedAtMs
    .filter((atMs) => atMs !== undefined)
    .sort((a, b) => a - b)
    .at(0);
  const prepared = state?.latestPrepared;
  const told = state?.told;
  return {
    name,
    degree: known.degree,
    periodMs: known.periodMs,
    windows: known.windows.map(windowToWire),
    evidence: [...known.evidence],
    callsSeen: known.callsSeen,
    hits: known.hits,
    misses: known.misses,
    ...(prewarmAtMs === undefined ? {} : { prewarmAt: toTimestamp(prewarmAtMs) }),
    prediction: predictionToWire(terms.prediction),
    predictionFrom: terms.predictionFrom,
    coldStartCost: terms.coldStartCost,
    coldStartCostFrom: terms.coldStartCostFrom,
    recent: (state?.ledger?.recent ?? []).map(pastToWire),
    plan: planInWords(input),
    ...(told === undefined || told.untilMs < nowMs ? {} : { keepUntil: toTimestamp(told.untilMs) }),
    ...(state?.ledger === undefined ? {} : { comparison: comparisonToWire(state.ledger) }),
    tenantCap: capToWire(input.ofTenant),
    shardCap: capToWire(input.ofShard),
    ...(prepared === undefined || prepared.releaseAtMs < nowMs
      ? {}
      : { prewarm: prewarmToWire(prepared) }),
  };
}

function planInWords({
  state,
  terms,
  known,
  decision,
  keepAliveMs,
  refusal,
}: ForecastInput): string[] {
  const keepAlive = `VMs are kept ${Math.round(keepAliveMs / 1_000)} s after each call`;
  if (terms.prediction === "off") return [`prediction is off: ${keepAlive}`];
  const lines = terms.prediction === "on" ? [] : [`prediction is in shadow: ${keepAlive}`];
  if (known.degree === 0) return [...lines, "no period is known: the keep-alive alone applies"];
  const notPrepared = refusal ?? state?.notPrepared;
  if (notPrepared !== undefined) lines.push(`the next window is not prepared: ${notPrepared}`);
  const { prewarm } = decision;
  if (prewarm !== undefined)
    lines.push(`${prewarm.count} VM${prewarm.count === 1 ? "" : "s"} for the next window`);
  return lines;
}

function pastToWire(past: PastWindow): tidepool.v1.PastWindow.$Properties {
  const { window, calledAtMs, wasPrepared, wasShadow } = past;
  const calledAt = calledAtMs === null ? {} : { calledAt: toTimestamp(calledAtMs) };
  return { window: windowToWire(window), ...calledAt, wasPrepared, wasShadow };
}

function comparisonToWire(ledger: WindowLedger): tidepool.v1.Comparison.$Properties {
  return {
    since: toTimestamp(ledger.sinceMs),
    calls: ledger.calls,
    coldStarts: ledger.coldStarts,
    fixedColdStarts: ledger.fixedColdStarts,
    idleVmSeconds: ledger.idleMs / 1_000,
    fixedIdleVmSeconds: ledger.fixedIdleMs / 1_000,
    preparedWindows: ledger.preparedWindows,
  };
}

function capToWire({ usedVmSeconds, maxVmSeconds }: CapUse): tidepool.v1.CapUse.$Properties {
  return { used: usedVmSeconds, max: maxVmSeconds };
}
