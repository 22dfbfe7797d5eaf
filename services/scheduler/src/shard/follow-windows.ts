/** Keeps the account of a function's windows beside its plan. */
import { holdsAt } from "@tidepool/policy";
import type { Decision, Forecast, PlanPolicy } from "@tidepool/policy";
import type { CallWindow } from "../ports.ts";
import type { FunctionState } from "./function-state.ts";
import type { Manner } from "./manner.ts";
import { createLedger, noteExpected, noteKeep } from "./window-ledger.ts";

/** After each decision. The account begins with the first window that is expected. */
export function followWindows(
  state: FunctionState,
  decision: Decision,
  { acting, terms, settings }: Pick<Manner, "acting" | "terms" | "settings">,
  isAfterCall: boolean,
  nowMs: number,
): void {
  if (decision.degree === 0 && state.ledger === undefined) return;
  const ledger = (state.ledger ??= createLedger(nowMs, state.record.history.ticks.at(-1)?.atMs));
  const isHeld = holdsAt(decision, nowMs);
  // While a VM stays for the next slot in any case, the windows after it are not looked for: most often it is called again.
  if (decision.degree === 0 || !isHeld || decision.forecast !== undefined) {
    const next =
      decision.forecast === undefined
        ? acting.nextWindow(state.record, settings, nowMs)
        : windowOf(decision.forecast);
    noteExpected(ledger, next, terms.prediction === "shadow", nowMs);
  }
  if (isAfterCall || (isHeld && decision.forecast !== undefined))
    noteKeep(ledger, decision.keepUntilMs);
}

function windowOf({ window, expectedAtMs, count, degree }: Forecast): CallWindow {
  const { startAtMs, endAtMs } = window;
  return { startAtMs, endAtMs, expectedAtMs, count: Math.ceil(count.upper), degree };
}

/** In words, when the policy has decided against it; undefined when it is prepared, planned, or not expected. */
export function whyNotPrepared(
  { prepared, latestPrepared }: FunctionState,
  decision: Decision,
  { keepAliveMs, coldStartCostVmMs }: PlanPolicy,
  nowMs: number,
): string | undefined {
  const { degree, prewarm, keepUntilMs } = decision;
  if (degree === 0 || prewarm !== undefined || prepared !== undefined) return undefined;
  // Those that it needs wait in any case.
  if (holdsAt(decision, nowMs)) return undefined;
  if (latestPrepared !== undefined && nowMs <= latestPrepared.releaseAtMs) return undefined;
  if (keepUntilMs < nowMs + keepAliveMs) return undefined;
  return `a VM would be expected to idle longer for it than a cold start is worth (${Math.round(coldStartCostVmMs / 1_000)} VM-seconds), or than the fixed keep-alive allows`;
}
