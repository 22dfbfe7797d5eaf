/**
 * One call on this host, from the choice of its VM to its answer, with its times. The choice is made at
 * once; the payload may still be coming.
 */
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { contextOf, TidepoolError, withSpan } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import type { Assignments } from "../assignments/assignments.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { AnswerSink } from "../guest/session.ts";
import type { ForecastWindow } from "../vm/owned-function.ts";
import type { Vm } from "../vm/vm.ts";
import type { Interval } from "../vm/vm-parts.ts";
import { orAborted, within } from "../within.ts";
import { chooseVm, RefusedError } from "./choose-vm.ts";
import type { CallTarget } from "./choose-vm.ts";
import type { Handover } from "./handover.ts";

/** How the call found its VM. */
export type Start = "predicted" | "warm" | "pool" | "cold";

export interface InvocationRequest extends CallTarget {
  readonly requestId: string;
  /** Time left for the call, from now. */
  readonly deadlineMs: number;
  /** Longest the handler may run. */
  readonly timeoutMs: number;
  readonly traceparent: string;
  /** Takes a streamed answer as it comes; without it one is gathered. */
  readonly sink?: ((start: Start) => AnswerSink) | undefined;
}

/** Milliseconds; they do not overlap, and leave out what happened before the call came. */
export interface HostStages {
  readonly waitingMs: number;
  readonly restoreMs: number;
  readonly loadMs: number;
  readonly runMs: number;
  readonly totalMs: number;
}

export interface InvocationReport {
  readonly vmId: string;
  readonly start: Start;
  readonly stages: HostStages;
  readonly readyBeforeMs: number;
  readonly window: ForecastWindow | undefined;
}

export type InvocationOutcome = InvocationReport &
  (
    | { readonly payload: Uint8Array; readonly failure?: undefined }
    | { readonly failure: TidepoolError; readonly payload?: undefined }
  );

export interface InvocationSignals {
  /** The caller wants no answer; a handler that runs is ended with its VM. */
  readonly cancelled: AbortSignal;
  /** Nobody can hear the answer: given up unless the handler runs already. */
  readonly abandoned: AbortSignal;
}

export interface InvocationParts {
  readonly fleet: Fleet;
  readonly assignments: Assignments;
  readonly clock: Clock;
  readonly handover: Handover;
}

/**
 * Takes a VM for the call now and runs it when the payload is there.
 * @throws RefusedError when nothing has been run and it may be tried again; other failures are in the outcome
 */
export function beginInvocation(
  parts: InvocationParts,
  request: InvocationRequest,
  payload: Promise<Uint8Array>,
  signals: InvocationSignals,
): Promise<InvocationOutcome> {
  const vm = chooseVm(parts.fleet, request);
  vm.take();
  return withSpan(
    "invoke",
    {
      kind: SpanKind.SERVER,
      parent: contextOf(request.traceparent),
      attributes: {
        "tidepool.function": request.functionName,
        "tidepool.version": request.version,
        "tidepool.request_id": request.requestId,
        "tidepool.vm_id": vm.vmId,
        "tidepool.host_id": parts.fleet.limits.hostId,
      },
    },
    async (span) => {
      const outcome = await runInvocation(parts, vm, request, payload, signals);
      span.setAttribute("tidepool.start", outcome.start);
      span.setAttribute("tidepool.vm_id", outcome.vmId);
      if (outcome.failure !== undefined) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.failure.message });
        span.setAttribute("error.type", outcome.failure.code);
      }
      return outcome;
    },
  );
}

async function runInvocation(
  { clock, assignments, handover }: InvocationParts,
  own: Vm,
  request: InvocationRequest,
  payload: Promise<Uint8Array>,
  { cancelled, abandoned }: InvocationSignals,
): Promise<InvocationOutcome> {
  const receivedAtMs = clock.nowMs();
  const beganAt = performance.now();
  const sinceBegin = (): number => performance.now() - beganAt;
  let vm = own;
  let start = startOf(own, request.attemptId);
  let wasReady = own.idleSinceMs !== undefined;
  const readyBeforeMs = own.idleSinceMs === undefined ? 0 : receivedAtMs - own.idleSinceMs;
  const window = start === "predicted" ? own.assignment?.window : undefined;
  const report = (ran: { readyMs: number; restoreMs: number; runMs: number }): InvocationReport => {
    const restoreMs = (wasReady ? 0 : overlapMs(vm.restored, receivedAtMs)) + ran.restoreMs;
    const loadMs = wasReady ? 0 : overlapMs(vm.loaded, receivedAtMs);
    const waitingMs = Math.max(
      0,
      ran.readyMs - (wasReady ? 0 : restoreMs - ran.restoreMs + loadMs),
    );
    const stages = { waitingMs, restoreMs, loadMs, runMs: ran.runMs, totalMs: sinceBegin() };
    return { vmId: vm.vmId, start, stages, readyBeforeMs, window };
  };

  let readyMs: number | undefined;
  let callStartedAtMs: number | undefined;
  try {
    const content = await within(
      request.deadlineMs,
      () =>
        new TidepoolError(
          "timeout",
          `call waited longer than its deadline of ${request.deadlineMs} ms`,
          { component: "client", reason: "callDeadline" },
        ),
      async (signal) => {
        if (!wasReady) vm = await handover.readyFor(own, signal);
        if (vm !== own) {
          start = startOf(vm, request.attemptId);
          wasReady = true;
        }
        return orAborted(payload, signal);
      },
      cancelled,
      abandoned,
    );
    readyMs = sinceBegin();
    callStartedAtMs = clock.nowMs();
    const limit = runLimit(request, readyMs);
    const answer = await vm.invoke({
      requestId: request.requestId,
      payload: content,
      timeoutMs: limit.ms,
      limitName: limit.name,
      limit: limit.limit,
      signal: cancelled,
      sink: request.sink?.(start),
    });
    const { restoreMs, runMs } = answer;
    return { ...report({ readyMs, restoreMs, runMs }), payload: answer.payload };
  } catch (thrown) {
    const failure = TidepoolError.from(thrown);
    if (callStartedAtMs === undefined && failure.retryable) throw RefusedError.because(failure);
    const runMs = readyMs === undefined ? 0 : sinceBegin() - readyMs;
    return { ...report({ readyMs: readyMs ?? sinceBegin(), restoreMs: 0, runMs }), failure };
  } finally {
    vm.giveBack();
    if (callStartedAtMs !== undefined && vm.phase === "idle") {
      assignments.afterCall(vm, callStartedAtMs);
    }
    handover.offer(vm);
  }
}

/** Of a VM at the moment it is taken. One made ready for a window counts as predicted only if it was ready. */
export function startOf(
  vm: Pick<Vm, "callCount" | "idleSinceMs" | "isCold" | "assignment">,
  requestId: string,
): Start {
  const { assignment } = vm;
  const isReady = vm.idleSinceMs !== undefined;
  if (vm.callCount > 0) return "warm";
  if (isReady && assignment?.requestId === undefined) {
    return assignment?.window === undefined ? "warm" : "predicted";
  }
  // Made for a call that never came.
  if (isReady && assignment?.requestId !== requestId) return "warm";
  return vm.isCold ? "cold" : "pool";
}

function runLimit(
  request: InvocationRequest,
  spentMs: number,
): {
  ms: number;
  name: string;
  limit: "runTimeout" | "callDeadline";
} {
  const leftMs = Math.max(1, request.deadlineMs - spentMs);
  return request.timeoutMs <= leftMs
    ? {
        ms: request.timeoutMs,
        name: `the function's limit of ${request.timeoutMs} ms`,
        limit: "runTimeout",
      }
    : {
        ms: leftMs,
        name: `the call's deadline of ${request.deadlineMs} ms`,
        limit: "callDeadline",
      };
}

/** The part of an interval that lies after an instant. */
export function overlapMs(interval: Interval | undefined, fromMs: number): number {
  return interval === undefined
    ? 0
    : Math.max(0, interval.toMs - Math.max(fromMs, interval.fromMs));
}
