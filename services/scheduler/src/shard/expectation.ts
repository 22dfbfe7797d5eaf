/** What was expected of a call at the moment before it was learned from: the shard's half of its explanation. */
import type { FunctionPolicy, FunctionRecord, PlanPolicy } from "@tidepool/policy";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { isTickRequestId } from "@tidepool/schedules";
import type { HostTable } from "../hosts/host-table.ts";
import { windowToWire } from "../nats/host-commands.ts";
import { predictionToWire } from "../nats/prediction.ts";
import type { Arrival, CallWindow } from "../ports.ts";
import type { FunctionState, PreparedWindow } from "./function-state.ts";
import type { Terms } from "./terms.ts";
import { calledAtMsOf } from "./version-mix.ts";
import { nearestWindow, overlap } from "./window-ledger.ts";

/** What was remembered before the call. */
export interface Known {
  readonly record: FunctionRecord;
  /** The windows that it may have been meant for; undefined where none was followed yet. */
  readonly followed: readonly CallWindow[] | undefined;
}

export interface ExpectationInput {
  readonly arrival: Arrival;
  readonly state: FunctionState;
  readonly known: () => Known;
  readonly terms: Terms;
  readonly policy: FunctionPolicy;
  readonly settings: PlanPolicy;
  readonly hosts: HostTable;
}

/** Takes what changes now; the words are made when they are asked for. */
export function expectationOf({
  arrival,
  state,
  known: knownOf,
  terms,
  policy,
  settings,
  hosts,
}: ExpectationInput): () => tidepool.v1.CallExpectation.$Properties {
  const { requestId, functionName, atMs } = arrival;
  const { told, notPrepared, calledVersion, latestPrepared } = state;
  const isDeclared = isTickRequestId(requestId);
  const declared = latestPrepared?.window;
  const usedCount = latestPrepared?.usedCount ?? 0;
  const versionCalledAtMs = calledAtMsOf(state, arrival.version);
  let idleVms = 0;
  let busyVms = 0;
  for (const parts of hosts.whereabouts(state.name).values())
    for (const { idle, busy } of parts) {
      idleVms += idle;
      busyVms += busy;
    }
  return () => {
    const { record, followed } = knownOf();
    const known = policy.describe(record, settings, atMs, 1);
    const { latestCallAtMs, degree } = known;
    // The account may be behind: it takes up the next window when there is something to decide.
    const learned = followed && nearestWindow([...followed, ...known.windows], atMs);
    const window = isDeclared ? declared : learned;
    const keepUntilMs =
      told?.untilMs ??
      (latestCallAtMs === undefined ? undefined : latestCallAtMs + settings.keepAliveMs);
    const isPrepared =
      latestPrepared !== undefined &&
      window !== undefined &&
      overlap(latestPrepared.window, window);
    return {
      requestId,
      functionName,
      at: toTimestamp(atMs),
      prediction: predictionToWire(terms.prediction),
      coldStartCost: terms.coldStartCost,
      keepAliveMs: settings.keepAliveMs,
      callsSeen: known.callsSeen,
      ...(latestCallAtMs === undefined ? {} : { previousCallAt: toTimestamp(latestCallAtMs) }),
      previousVersion: calledVersion,
      ...(window === undefined ? {} : { window: windowToWire(window) }),
      degree: (isDeclared ? window?.degree : degree) || window?.degree || 0,
      evidence: isDeclared ? ["declared by a schedule"] : [...known.evidence],
      hits: known.hits,
      misses: known.misses,
      ...(isPrepared ? { prewarm: prewarmToWire({ ...latestPrepared, usedCount }) } : {}),
      ...(keepUntilMs === undefined ? {} : { keepUntil: toTimestamp(keepUntilMs) }),
      keepBecause: told === undefined ? "keep-alive" : "forecast",
      notPreparedBecause: notPrepared ?? "",
      idleVms,
      busyVms,
      ...(versionCalledAtMs === undefined
        ? {}
        : { versionCalledAt: toTimestamp(versionCalledAtMs) }),
    };
  };
}

export function prewarmToWire(prepared: PreparedWindow): tidepool.v1.PrewarmRecord.$Properties {
  return {
    window: windowToWire(prepared.window),
    orderedAt: toTimestamp(prepared.orderedAtMs),
    readyBy: toTimestamp(prepared.readyByMs),
    releaseAt: toTimestamp(prepared.releaseAtMs),
    count: prepared.window.count,
    orderCount: prepared.orderCount,
    vmIds: [...prepared.vmIds],
    failures: [...prepared.failures],
    usedCount: prepared.usedCount,
    isShadow: prepared.isShadow,
  };
}
