/**
 * Brings one call to a VM. While a version takes over, an idle VM of the one before is tried first.
 *
 *   table says idle ──▶ host ──result, failed──▶ caller
 *        │ none           │ refused
 *        ╰──▶ acquire ◀───╯◀──────────╮
 *                ╰──▶ host ──refused──╯   (acquireAttemptsMax acquires at most)
 *
 * Only a refusal is tried again, since nothing ran. After a start, or when a start cannot be ruled out, the
 * failure is the caller's: a call runs at most once.
 */
import { SpanKind } from "@opentelemetry/api";
import { TidepoolError, withSpan } from "@tidepool/common";
import type { Clock, Code } from "@tidepool/common";
import type { Admission } from "../admission/admission.ts";
import type { StoredFunction } from "../functions/function-record.ts";
import {
  acceptedPatienceMs,
  acquireAttemptsMax,
  acquireBackoffMs,
  acquireMarginMs,
  acquireTimeoutMs,
  answerMarginMs,
  avoidedHostsMax,
  callOverheadMaxMs,
  ownerWaitMaxMs,
  storeTimeoutMs,
} from "../limits.ts";
import type {
  AcquiredVm,
  AnswerSink,
  ArrivalSink,
  HostAnswer,
  HostCall,
  Hosts,
  HostStages,
  Scheduler,
} from "../ports.ts";
import { CapacityQueue } from "./capacity-queue.ts";
import type { CallTracker } from "./call-tracker.ts";
import { withDetails } from "./invocation.ts";
import type { Invocation, Stages } from "./invocation.ts";
import { schedulerSilent } from "./scheduler-failure.ts";
import type { HostAddress, VmTable } from "./vm-table.ts";

export interface RouterOptions {
  readonly findFunction: (invocation: Invocation, timeoutMs: number) => Promise<FoundFunction>;
  readonly table: VmTable;
  /** Lets a call in, or throws `throttled`. */
  readonly admission: Pick<Admission, "admit">;
  readonly hosts: Hosts;
  readonly scheduler: Scheduler;
  readonly arrivals: ArrivalSink;
  readonly calls: CallTracker;
  readonly clock: Clock;
}

export interface FoundFunction {
  /** As it is in the version that the call is for. */
  readonly stored: StoredFunction;
  /** The version that this one takes over from, while an idle VM of it should serve; else undefined. */
  readonly former: StoredFunction | undefined;
}

type Result = Extract<HostAnswer, { kind: "result" }>;

export interface Answer extends Omit<Result, "kind" | "stages"> {
  readonly requestId: string;
  readonly version: string;
  readonly hostId: string;
  readonly stages: Stages;
}

/** Refusals of these codes are about the VM or the host, so another one may do. */
const refusalsToRetry: readonly Code[] = [
  "noCapacity",
  "stale",
  "unavailable",
  "wrongPhase",
  "notFound",
];

/** That no host gives its VMs a network does not change soon. */
const mayRetry = ({ code, reason }: TidepoolError): boolean =>
  refusalsToRetry.includes(code) && reason !== "noNetwork";

export class Router {
  private readonly options: RouterOptions;

  private readonly queue = new CapacityQueue();

  constructor(options: RouterOptions) {
    this.options = options;
    options.table.onIdle = (name, version) => this.queue.wake(name, version);
  }

  /**
   * @param deadlineAtMs the caller's; undefined when it named none
   * @param sink takes a streamed answer as it comes; without it one is gathered
   */
  async invoke(
    invocation: Invocation,
    deadlineAtMs: number | undefined,
    signal: AbortSignal,
    sink?: AnswerSink,
  ): Promise<Answer> {
    const { clock, arrivals, calls, findFunction, admission } = this.options;
    const atMs = clock.nowMs();
    const begunAtMs = performance.now();
    const { requestId } = invocation;
    try {
      const leftMs = (deadlineAtMs ?? Infinity) - atMs - acquireMarginMs;
      const findMs = Math.max(1, Math.min(leftMs, storeTimeoutMs));
      const { stored, former } = await findFunction(invocation, findMs);
      const { version } = former ?? stored;
      const call = { functionName: stored.name, version, requestId, atMs };
      const endsAtMs = deadlineAtMs ?? atMs + stored.settings.timeoutMs + callOverheadMaxMs;
      return await calls.track({ ...call, tenant: stored.tenant }, async () => {
        const end = admission.admit(stored, clock.nowMs());
        try {
          arrivals.add({ ...call, qualifier: invocation.qualifier });
          return await this.withDeadline(stored, endsAtMs, signal, (limits, ended) =>
            this.route({ stored, former }, { ...limits, ...invocation, sink }, begunAtMs, ended),
          );
        } finally {
          end(clock.nowMs());
        }
      });
    } catch (error) {
      throw withDetails(error, { requestId, mayHaveStarted: false });
    }
  }

  /** Ends the work at the deadline or when the caller has gone; the host is told by the same signal. */
  private async withDeadline(
    stored: StoredFunction,
    deadlineAtMs: number,
    signal: AbortSignal,
    work: (call: { deadlineAtMs: number }, ended: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const limitMs = Math.max(0, Math.round(deadlineAtMs - this.options.clock.nowMs()));
    const ending = new AbortController();
    const timer = setTimeout(() => {
      ending.abort(
        new TidepoolError(
          "timeout",
          `call of '${stored.name}' was not done in the ${limitMs} ms it had`,
          { component: "client", reason: "callDeadline" },
        ),
      );
    }, limitMs - answerMarginMs);
    const onGone = (): void => {
      ending.abort(
        new TidepoolError("cancelled", `call of '${stored.name}' was cancelled`, {
          component: "client",
        }),
      );
    };
    signal.addEventListener("abort", onGone, { once: true });
    if (signal.aborted) onGone();
    try {
      return await work({ deadlineAtMs: deadlineAtMs - 2 * answerMarginMs }, ending.signal);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onGone);
    }
  }

  private async route(
    { stored, former }: FoundFunction,
    call: Invocation & { readonly deadlineAtMs: number; readonly sink: AnswerSink | undefined },
    begunAtMs: number,
    signal: AbortSignal,
  ): Promise<Answer> {
    const callOf = ({ name, version, settings }: StoredFunction): Omit<HostCall, "vmId"> => ({
      requestId: call.requestId,
      functionName: name,
      version,
      deadlineAtMs: call.deadlineAtMs,
      timeoutMs: settings.timeoutMs,
      payload: call.payload,
      attemptId: call.attemptId ?? call.requestId,
      endsWithStream: call.attemptId !== undefined,
      sink: call.sink,
    });
    const base = callOf(stored);
    const { host, answer, version } =
      (former && (await this.tryIdleVm(callOf(former), signal))) ??
      (await this.tryIdleVm(base, signal)) ??
      (call.attemptId === undefined ? undefined : await this.awaitIdleVm(base, signal)) ??
      (await this.acquireAndCall(stored, base, signal));
    const stages = stagesOf(answer.stages, begunAtMs);
    if (answer.kind === "failed") {
      const { failure, start, vmId } = answer;
      throw withDetails(failure, {
        requestId: call.requestId,
        mayHaveStarted: true,
        start,
        stages,
        vmId,
        hostId: host.hostId,
      });
    }
    const { kind: _, ...result } = answer;
    return { ...result, stages, requestId: call.requestId, version, hostId: host.hostId };
  }

  /** Undefined when no idle VM is known, or the host has none after all. */
  private async tryIdleVm(
    base: Omit<HostCall, "vmId">,
    signal: AbortSignal,
  ): Promise<Routed | undefined> {
    const { table, hosts } = this.options;
    const taken = table.take(base.functionName, base.version, hosts.toAvoid());
    if (taken === undefined) return undefined;
    let answer: HostAnswer | undefined;
    try {
      answer = await this.callHost(taken.host, { ...base, vmId: "" }, signal);
    } finally {
      if (answer?.kind === "result") this.noteIdle(taken.host, base, answer.vmId, taken);
      else if (answer?.kind === "refused") table.refused(taken);
      else table.lost(taken);
    }
    const { version } = base;
    return answer.kind === "refused" ? undefined : { host: taken.host, answer, version };
  }

  /**
   * An accepted call has time. Where many have come together, as behind NATS when it was away, each that had a VM made
   * would take processors and room from calls whose callers wait; those that are there are soon done with all of them.
   */
  private async awaitIdleVm(
    base: Omit<HostCall, "vmId">,
    signal: AbortSignal,
  ): Promise<Routed | undefined> {
    const { table, clock } = this.options;
    const { functionName, version, deadlineAtMs } = base;
    const untilMs = Math.min(clock.nowMs() + acceptedPatienceMs, deadlineAtMs - acquireMarginMs);
    for (let looks = 0; table.knows(functionName, version); looks += 1) {
      const maxMs = untilMs - clock.nowMs();
      if (maxMs <= 0) break;
      await this.queue.wait({ functionName, version, looks, maxMs }, signal);
      const idle = await this.tryIdleVm(base, signal);
      if (idle !== undefined) return idle;
    }
    return undefined;
  }

  private async acquireAndCall(
    stored: StoredFunction,
    base: Omit<HostCall, "vmId">,
    signal: AbortSignal,
  ): Promise<Routed> {
    const { clock } = this.options;
    let refusedVmId = "";
    let looks = 0;
    const ownerlessUntilMs = clock.nowMs() + ownerWaitMaxMs;
    for (let attempt = 1; ; attempt++) {
      const tried = await this.acquireOnce(stored, base, refusedVmId, signal);
      if ("host" in tried) return tried;
      const { failure } = tried;
      if (failure.code === "noCapacity" && failure.reason === "hostsFull") {
        attempt -= 1;
        refusedVmId = "";
        await this.waitForRoom(base, looks++, failure, signal);
        const idle = await this.tryIdleVm(base, signal);
        if (idle !== undefined) return idle;
        continue;
      }
      // Its owner has died or was cut off: there will be another.
      if (isOwnerless(failure) && clock.nowMs() < ownerlessUntilMs)
        attempt = Math.min(attempt, acquireAttemptsMax - 1);
      if (attempt >= acquireAttemptsMax || !mayRetry(failure)) throw failure;
      refusedVmId = tried.refusedVmId;
      const waitMs = acquireBackoffMs * 2 ** (attempt - 1);
      // What was refused says more than that the time is over, and nothing ran.
      if (clock.nowMs() + waitMs >= base.deadlineAtMs) throw failure;
      await clock.sleep(waitMs, signal);
      // Other calls have ended meanwhile.
      const idle = await this.tryIdleVm(base, signal);
      if (idle !== undefined) return idle;
    }
  }

  /** Other calls end: the call waits for as long as it has. @throws TidepoolError `failure` when it has no more */
  private async waitForRoom(
    { functionName, version, deadlineAtMs }: Omit<HostCall, "vmId">,
    looks: number,
    failure: TidepoolError,
    signal: AbortSignal,
  ): Promise<void> {
    const leftMs = (): number => deadlineAtMs - this.options.clock.nowMs() - acquireMarginMs;
    const maxMs = leftMs();
    if (maxMs > 0) await this.queue.wait({ functionName, version, looks, maxMs }, signal);
    if (leftMs() <= 0) throw failure;
  }

  private async acquireOnce(
    stored: StoredFunction,
    base: Omit<HostCall, "vmId">,
    refusedVmId: string,
    signal: AbortSignal,
  ): Promise<Routed | NothingRan> {
    const requestId = base.attemptId;
    const avoidHostIds = [...this.options.hosts.toAvoid()].slice(0, avoidedHostsMax);
    const request = { requestId, stored, refusedVmId, avoidHostIds };
    let vm;
    try {
      vm = await this.acquire(request, base.deadlineAtMs, signal);
    } catch (error) {
      if (!isTimeout(signal.reason)) signal.throwIfAborted();
      return { failure: TidepoolError.from(error), refusedVmId };
    }
    const host = { hostId: vm.hostId, address: vm.hostAddress };
    const answer = await this.callHost(host, { ...base, vmId: vm.vmId }, signal);
    if (answer.kind === "refused") return { failure: answer.failure, refusedVmId: vm.vmId };
    if (answer.kind === "result") this.noteIdle(host, base, answer.vmId, undefined);
    return { host, answer, version: base.version };
  }

  /**
   * A shard that changes its owner, or NATS that restarts, may lose the answer: then it is asked again. When
   * the call's time ends before one comes, that is the scheduler's doing and not the function's.
   */
  private async acquire(
    request: Parameters<Scheduler["acquire"]>[0],
    deadlineAtMs: number,
    signal: AbortSignal,
  ): Promise<AcquiredVm> {
    const leftMs = deadlineAtMs - this.options.clock.nowMs();
    const timeoutMs = Math.max(1, Math.min(leftMs - acquireMarginMs, acquireTimeoutMs));
    try {
      return await untilAborted(this.options.scheduler.acquire(request, timeoutMs), signal);
    } catch (error) {
      if (!isTimeout(error)) throw error;
      throw schedulerSilent(`a VM for '${request.stored.name}'`, timeoutMs, error);
    }
  }

  private callHost(host: HostAddress, call: HostCall, signal: AbortSignal): Promise<HostAnswer> {
    const attributes = { "tidepool.host_id": host.hostId, "tidepool.vm_id": call.vmId };
    return withSpan("call host", { kind: SpanKind.CLIENT, attributes }, () =>
      this.options.hosts.call(host, call, signal),
    );
  }

  private noteIdle(
    host: HostAddress,
    { functionName, version }: { readonly functionName: string; readonly version: string },
    vmId: string,
    taken: Parameters<VmTable["finished"]>[2],
  ): void {
    const { table, clock } = this.options;
    table.finished(host, { functionName, version, vmId }, taken, clock.nowMs());
  }
}

/** Nobody serves the shard, or one who does not own it any more. */
function isOwnerless({ code, reason }: TidepoolError): boolean {
  return code === "stale" || reason === "schedulerSilent";
}

interface Routed {
  readonly host: HostAddress;
  readonly answer: Exclude<HostAnswer, { kind: "refused" }>;
  readonly version: string;
}

interface NothingRan {
  readonly failure: TidepoolError;
  readonly refusedVmId: string;
}

/** @param begunAtMs of the monotonic clock, which counts parts of a millisecond */
function stagesOf(host: HostStages, begunAtMs: number): Stages {
  const totalMs = performance.now() - begunAtMs;
  const hostMs = host.waitingMs + host.restoreMs + host.loadMs + host.runMs;
  return { routingMs: Math.max(0, totalMs - hostMs), ...host };
}

function isTimeout(error: unknown): boolean {
  return error instanceof TidepoolError && error.code === "timeout";
}

/** The request may still be answered; nobody waits for it then. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const done = (): void => signal.removeEventListener("abort", onAbort);
    work.finally(done).then(resolve, reject);
  });
}
