/**
 * Why a call started as it did, from what is recorded of it. The first of the reasons that is shown by the
 * records is the answer; where they show none, that is said.
 */
import { tidepool } from "@tidepool/proto";
import type { Expectation, Outcome, Prewarm, Step } from "./call-facts.ts";
import { duration, expected, instant, offBy } from "./words.ts";

/** One word for programs; docs/prediction.md says what each means. */
export const reasons = [
  "predicted",
  "warm",
  "noVm",
  "unfinished",
  "unrecorded",
  "firstCall",
  "newVersion",
  "surplus",
  "prewarmFailed",
  "prewarmNotReady",
  "prewarmGone",
  "busy",
  "predictionOff",
  "shadow",
  "notPrepared",
  "early",
  "late",
  "noPeriod",
  "vmGone",
  "unknown",
] as const;
export type Reason = (typeof reasons)[number];

export interface Explanation {
  readonly reason: Reason;
  readonly summary: string;
}

export interface CallEvidence {
  readonly outcome: Outcome | undefined;
  readonly expectation: Expectation | undefined;
  /** Calls that were under way when it came, as far as they are recorded. */
  readonly underWay: readonly Outcome[];
  /** Steps of this function's VMs up to the call, oldest first. */
  readonly steps: readonly Step[];
}

const { START_UNSPECIFIED, START_PREDICTED, START_WARM, START_POOL } = tidepool.v1.Start;

export function explain(evidence: CallEvidence): Explanation {
  const { outcome, expectation } = evidence;
  if (outcome === undefined) {
    const summary = "the call has not ended yet, or what came of it was not recorded";
    return { reason: "unfinished", summary: `${summary}.` };
  }
  const { start, failureCode, failureMessage } = outcome;
  const failed = failureCode === "" ? "" : `; it failed with ${failureCode}: ${failureMessage}`;
  if (start === START_UNSPECIFIED) {
    return { reason: "noVm", summary: `the call ended before it had a VM${failed}.` };
  }
  if (start === START_PREDICTED || start === START_WARM) {
    const summary = start === START_PREDICTED ? predicted(outcome) : warm(outcome, expectation);
    const reason = start === START_PREDICTED ? "predicted" : "warm";
    return { reason, summary: `${summary}${failed}.` };
  }
  const kind = start === START_POOL ? "pool" : "cold";
  const way =
    start === START_POOL
      ? `a VM of the warming pool loaded the code in ${Math.round(outcome.loadMs)} ms`
      : "the warming pool had no VM, so one was cloned";
  const cause =
    expectation === undefined
      ? because("unrecorded", "what had been expected of it was not recorded")
      : causeOf(outcome, expectation, evidence);
  return { reason: cause.reason, summary: `${kind}: ${cause.summary}; ${way}${failed}.` };
}

function predicted({ atMs, window, readyBeforeMs }: Outcome): string {
  const waited = `a VM had waited for it for ${duration(readyBeforeMs)}`;
  if (window === undefined) return `predicted: ${waited}`;
  return `predicted: ${waited}; it was expected ${expected(window, atMs)} and came ${offBy(atMs, window)}`;
}

function warm(outcome: Outcome, expectation: Expectation | undefined): string {
  const { atMs, readyBeforeMs, version } = outcome;
  const origin =
    expectation !== undefined && tookOver(outcome, expectation)
      ? `a VM that was made ready when version ${version} took over from version ${expectation.previousVersion}`
      : "a VM that an earlier call had left";
  const idle = `warm: ${origin} had been idle for ${duration(readyBeforeMs)}`;
  const window = expectation?.window;
  if (window === undefined || expectation?.prediction !== "on") return idle;
  return `${idle}; it was expected ${expected(window, atMs)} and came ${offBy(atMs, window)}`;
}

function causeOf(outcome: Outcome, expectation: Expectation, evidence: CallEvidence): Explanation {
  const { callsSeen, prewarm, prediction } = expectation;
  if (callsSeen === 0) return because("firstCall", "first call ever of this function");
  const otherVersion = ofVersion(outcome, expectation, evidence);
  if (otherVersion !== undefined) return otherVersion;
  return (
    (prewarm === undefined || prewarm.isShadow
      ? undefined
      : ofPrewarm(outcome, prewarm, evidence)) ??
    ofBusy(outcome, evidence) ??
    (prediction === "on" ? ofWindow(outcome, expectation) : ofSwitch(outcome, expectation)) ??
    ofKeepAlive(outcome, expectation, evidence)
  );
}

/** The call before ran another version. */
function ofVersion(
  outcome: Outcome,
  expectation: Expectation,
  evidence: CallEvidence,
): Explanation | undefined {
  const { version, atMs } = outcome;
  const { previousVersion, versionCalledAtMs } = expectation;
  if (previousVersion === "" || previousVersion === version) return undefined;
  if (versionCalledAtMs === undefined) {
    const summary = `first call of version ${version}, which VMs of version ${previousVersion} do not run`;
    return because("newVersion", summary);
  }
  const summary = `the call before ran version ${previousVersion}, whose VMs do not run version ${version}; that was called last at ${instant(versionCalledAtMs, atMs)}`;
  return ofBusy(outcome, evidence) ?? because("newVersion", summary);
}

/** No call had run the version before, so no call can have left its VM. */
function tookOver(
  { version }: Outcome,
  { previousVersion, versionCalledAtMs }: Expectation,
): boolean {
  return previousVersion !== "" && previousVersion !== version && versionCalledAtMs === undefined;
}

/** VMs had been ordered for a window that this call came in. */
function ofPrewarm(
  { atMs }: Outcome,
  prewarm: Prewarm,
  { steps }: CallEvidence,
): Explanation | undefined {
  const { orderedAtMs, readyByMs, releaseAtMs, count, vmIds, failures, usedCount } = prewarm;
  if (atMs < orderedAtMs || atMs > releaseAtMs) return undefined;
  if (usedCount >= count && atMs >= readyByMs) {
    const calls = count === 1 ? "1 call was" : `${count} calls were`;
    return because("surplus", `${calls} expected in this window, and ${usedCount} had come before`);
  }
  if (vmIds.length === 0 && failures.length > 0) {
    return because("prewarmFailed", `pre-warm failed: ${failures.join("; ")}`);
  }
  const own = steps.filter((step) => vmIds.includes(step.vmId) && step.atMs <= atMs);
  const gone = own.findLast(({ phase }) => phase === "gone");
  if (gone !== undefined) {
    const summary = `the VM ${gone.vmId} that waited for it was gone at ${instant(gone.atMs, atMs)}: ${gone.reason}`;
    return because("prewarmGone", summary);
  }
  if (vmIds.length > 0 && own.some(({ phase }) => phase === "idle")) return undefined;
  if (atMs > readyByMs && own.length === 0) return undefined; // no steps are told any more
  const summary = `a VM was ordered at ${instant(orderedAtMs, atMs)}, ${duration(atMs - orderedAtMs)} before, and was not ready yet`;
  return because("prewarmNotReady", summary);
}

function ofBusy({ atMs, underWayCount }: Outcome, evidence: CallEvidence): Explanation | undefined {
  if (underWayCount === 0) return undefined;
  const named = evidence.underWay
    .filter(({ endedAtMs }) => endedAtMs >= atMs)
    .map(({ requestId, vmId }) => (vmId === "" ? requestId : `${requestId} in ${vmId}`));
  const calls = underWayCount === 1 ? "a call was" : `${underWayCount} calls were`;
  const which = named.length === 0 ? "" : ` (${named.join(", ")})`;
  return because("busy", `${calls} under way already${which}, and no other VM was idle`);
}

function ofSwitch({ atMs }: Outcome, expectation: Expectation): Explanation | undefined {
  const { prediction, window } = expectation;
  const kept = keptWords(atMs, expectation);
  if (kept === undefined) return undefined;
  if (prediction === "off") return because("predictionOff", `prediction is off: ${kept}`);
  const would =
    window === undefined
      ? "it had no period to go by"
      : atMs >= window.startAtMs && atMs <= window.endAtMs
        ? `it would have had a VM ready for ${expected(window, atMs)}`
        : `it expected the call ${expected(window, atMs)}, which came ${offBy(atMs, window)}`;
  return because("shadow", `prediction is in shadow and ${would}; ${kept}`);
}

function ofWindow({ atMs }: Outcome, expectation: Expectation): Explanation | undefined {
  const { window, notPreparedBecause, keepUntilMs, isKeptByForecast } = expectation;
  if (window === undefined) return undefined;
  const when = `expected ${expected(window, atMs)}`;
  if (notPreparedBecause !== "") {
    return because("notPrepared", `${when}, but no VM was prepared: ${notPreparedBecause}`);
  }
  if (atMs >= window.startAtMs && atMs <= window.endAtMs) return undefined;
  const released =
    isKeptByForecast && keepUntilMs !== undefined && keepUntilMs < atMs
      ? `; VMs had been kept until ${instant(keepUntilMs, atMs)}`
      : "";
  const reason = atMs < window.startAtMs ? "early" : "late";
  return because(reason, `${when}, came ${offBy(atMs, window)}${released}`);
}

function ofKeepAlive(
  { atMs }: Outcome,
  expectation: Expectation,
  { steps }: CallEvidence,
): Explanation {
  const kept = keptWords(atMs, expectation);
  if (kept !== undefined && expectation.window === undefined) {
    return because("noPeriod", `no period known: ${kept}`);
  }
  const since = expectation.previousCallAtMs ?? 0;
  const gone = steps.findLast(
    ({ phase, atMs: at }) => phase === "gone" && at >= since && at <= atMs,
  );
  if (gone !== undefined) {
    const summary = `the VM ${gone.vmId} of the calls before was gone at ${instant(gone.atMs, atMs)}: ${gone.reason}`;
    return because("vmGone", summary);
  }
  return because("unknown", "no idle VM was found, and nothing recorded says why");
}

/** "kept 10 min after the call of 10:02:11 UTC, this came 14 min after"; undefined when it came in time. */
function keptWords(
  atMs: number,
  { previousCallAtMs, keepAliveMs }: Expectation,
): string | undefined {
  if (previousCallAtMs === undefined || atMs - previousCallAtMs <= keepAliveMs) return undefined;
  return `kept ${duration(keepAliveMs)} after the call of ${instant(previousCallAtMs, atMs)}, this came ${duration(atMs - previousCallAtMs)} after`;
}

function because(reason: Reason, summary: string): Explanation {
  return { reason, summary };
}
