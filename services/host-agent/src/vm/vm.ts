/**
 * One VM: its machine, its domain and the session with its guest. All effects of the machine are here.
 *
 * What a call printed is delivered after its answer has left, and the next call does not wait for that:
 * the guest keeps the order, so what comes before the end of the delivery belongs to the call before. A
 * pause is finished before the next call begins.
 */
import { context, SpanKind, trace } from "@opentelemetry/api";
import type { Context } from "@opentelemetry/api";
import { createActor, fromPromise } from "xstate";
import type { Actor } from "xstate";
import { assert, messageOf, TidepoolError, traceparentOf, withSpan } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import type { CodeFile, GuestSession, OpenGuestSession, OutputStream } from "../guest/session.ts";
import type { Domain, Hypervisor, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { flushMaxMs, handshakeMaxMs, lingerMs, loadMaxMs, outputMaxBytes } from "./limits.ts";
import type { ForecastWindow, OwnedFunction } from "./owned-function.ts";
import type { GoneReason, VmPhase } from "./phases.ts";
import { vmMachine } from "./vm-machine.ts";
import type { VmView } from "./vm-view.ts";
import { orAborted, within } from "./within.ts";

export interface VmParts {
  readonly hypervisor: Hypervisor;
  readonly openSession: OpenGuestSession;
  readonly clock: Clock;
  readonly logger: Logger;
  ensureTemplate(config: VmConfig): Promise<Template>;
  codeFiles(digest: string, signal: AbortSignal): Promise<readonly CodeFile[]>;
  /** Called at each change of phase, before anything else happens with the VM. Must not throw. */
  onPhase(vm: Vm, phase: VmPhase): void;
  onOutput(vm: Vm, stream: OutputStream, bytes: Uint8Array): void;
  /** Everything that the last call printed has been heard. */
  onDelivered(vm: Vm): void;
}

export interface VmAssignment {
  readonly owned: OwnedFunction;
  /** Set when a call waits for the VM. */
  readonly requestId: string | undefined;
  readonly window: ForecastWindow | undefined;
  readonly keepUntilMs: number;
}

export interface VmCall {
  readonly requestId: string;
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  /** How the limit is called in the error when it passes: the function's, or the caller's deadline. */
  readonly limitName: string;
  readonly signal: AbortSignal;
}

export interface VmAnswer {
  readonly payload: Uint8Array;
  readonly runMs: number;
  readonly restoreMs: number;
}

export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

export class Vm {
  readonly vmId: string;
  readonly config: VmConfig;
  readonly createdAtMs: number;
  readonly whenGone: Promise<void>;
  /** Resolves when it has been cloned, with why not when that failed; without when it was stopped. */
  readonly whenCloned: Promise<TidepoolError | undefined>;
  /** Resolves when it is idle for the first time; rejects when it ends before. */
  readonly whenReady: Promise<void>;

  assignment: VmAssignment | undefined;
  assignedAtMs: number | undefined;
  /** True when it was cloned for its assignment, not taken from the pool. */
  isCold = false;
  keepUntilMs = Number.POSITIVE_INFINITY;
  /** What it waits for now: the window it was made ready for, or a later one. */
  window: ForecastWindow | undefined;
  reservation: { readonly requestId: string; readonly untilMs: number } | undefined;
  /** A call has been promised this VM and has not ended. */
  isTaken = false;
  /** The request that what is printed now belongs to; the last one while idle. */
  requestId = "";
  idleSinceMs: number | undefined;
  idleMs = 0;
  cloneMs: number | undefined;
  restored: Interval | undefined;
  loaded: Interval | undefined;

  private readonly parts: VmParts;
  private readonly actor: Actor<typeof vmMachine>;
  private readonly free: (() => void)[] = [];
  private readonly leaving = new AbortController();
  private traceContext: Context | undefined;
  private cloning: Promise<void> = Promise.resolve();
  private domain: Domain | undefined;
  private session: GuestSession | undefined;
  private isPaused = false;
  private outputBytes = 0;
  private hasPrinted = false;
  private callFailure: AbortController | undefined;
  private delivering: Promise<void> | undefined;
  private pausing: Promise<void> | undefined;
  private lingering: NodeJS.Timeout | undefined;

  constructor(vmId: string, config: VmConfig, parts: VmParts) {
    this.vmId = vmId;
    this.config = config;
    this.parts = parts;
    this.createdAtMs = parts.clock.nowMs();
    this.actor = createActor(
      vmMachine.provide({
        actors: {
          clone: fromPromise(() => (this.cloning = this.clone())),
          load: fromPromise(() => this.load()),
          destroy: fromPromise(() => this.destroy()),
        },
      }),
      { input: { vmId } },
    );
    this.whenGone = new Promise((resolve) => {
      this.actor.subscribe({ complete: resolve });
    });
    this.whenReady = new Promise((resolve, reject) => {
      this.actor.on("phase", ({ phase }) => {
        if (phase === "idle") resolve();
        if (phase === "stopping") reject(this.endedError());
      });
    });
    this.whenCloned = new Promise((resolve) => {
      this.actor.on("phase", ({ phase }) => {
        if (phase !== "cloning") resolve(this.failure);
      });
    });
    this.whenReady.catch(() => {}); // nobody has to wait for it
    this.actor.on("phase", ({ phase }) => this.enter(phase));
  }

  start(): void {
    this.actor.start();
  }

  get phase(): VmPhase {
    return this.actor.getSnapshot().value;
  }

  get callCount(): number {
    return this.actor.getSnapshot().context.callCount;
  }

  get reason(): GoneReason | undefined {
    return this.actor.getSnapshot().context.reason ?? undefined;
  }

  get failure(): TidepoolError | undefined {
    const { failure } = this.actor.getSnapshot().context;
    return failure === null ? undefined : TidepoolError.fromFailure(failure);
  }

  /** @throws TidepoolError `wrongPhase` when it has, or had, an owner */
  assign(assignment: VmAssignment): void {
    const { name: functionName, version } = assignment.owned;
    const event = { type: "vm.assign", owner: { functionName, version } } as const;
    if (!this.actor.getSnapshot().can(event)) {
      throw new TidepoolError("wrongPhase", `${this.vmId} is ${this.phase}: it takes no owner`);
    }
    this.assignment = assignment;
    this.assignedAtMs = this.parts.clock.nowMs();
    this.isCold = this.phase === "cloning";
    this.keepUntilMs = assignment.keepUntilMs;
    this.window = assignment.window;
    this.traceContext = context.active();
    this.actor.send(event);
  }

  /**
   * Runs one invocation. A failure that leaves the guest in doubt ends the VM before it is thrown.
   * @throws TidepoolError `functionError`, `timeout`, `cancelled`, `outputLimit`, `memoryLimit`, `guestCrash`
   */
  async invoke(call: VmCall): Promise<VmAnswer> {
    const session = this.session;
    if (session === undefined || !this.actor.getSnapshot().can({ type: "call.start" })) {
      throw new TidepoolError("wrongPhase", `${this.vmId} is ${this.phase}: it takes no call`);
    }
    this.actor.send({ type: "call.start" });
    try {
      if (this.pausing !== undefined) await this.pausing;
      const beganAtMs = performance.now();
      if (this.isPaused) await this.span("restore VM", () => this.resume(session));
      const restoreMs = performance.now() - beganAtMs;
      const result = await this.span("run function", () => this.run(session, call));
      this.deliverSoon(session);
      this.actor.send({ type: "call.end" });
      return { payload: result.payload, runMs: result.runUs / 1000, restoreMs };
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code === "functionError" && session.failure === undefined) {
        this.deliverSoon(session);
        this.actor.send({ type: "call.end" });
      } else {
        this.stop("failed", error);
      }
      throw error;
    }
  }

  /** Ends it from any phase; see `whenGone`. */
  stop(reason: GoneReason, failure?: TidepoolError): void {
    if (this.isGone) return;
    this.actor.send({ type: "vm.stop", reason, failure: failure?.toFailure() ?? null });
  }

  /** Promises the VM to a call. */
  take(): void {
    this.isTaken = true;
    this.reservation = undefined;
  }

  /** The call that had it has ended. */
  giveBack(): void {
    this.isTaken = false;
    for (const resolve of this.free.splice(0)) resolve();
  }

  /** Resolves when no call has it. */
  whenFree(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isTaken) this.free.push(resolve);
      else resolve();
    });
  }

  private get isGone(): boolean {
    return this.actor.getSnapshot().status !== "active";
  }

  /** Plain data for decisions. */
  view(nowMs: number): VmView {
    const { assignment, reservation, window } = this;
    return {
      vmId: this.vmId,
      phase: this.phase,
      config: this.config,
      functionName: assignment?.owned.name,
      version: assignment?.owned.version,
      isSpokenFor: this.isTaken || (reservation !== undefined && reservation.untilMs > nowMs),
      isForCall: assignment?.requestId !== undefined,
      isPaused: this.isPaused,
      createdAtMs: this.createdAtMs,
      idleSinceMs: this.idleSinceMs,
      callCount: this.callCount,
      keepUntilMs: this.keepUntilMs,
      nextUseAtMs:
        window !== undefined && window.endAtMs > nowMs ? window.expectedAtMs : this.keepUntilMs,
    };
  }

  private enter(phase: VmPhase): void {
    const nowMs = this.parts.clock.nowMs();
    clearTimeout(this.lingering);
    if (this.idleSinceMs !== undefined) this.idleMs += nowMs - this.idleSinceMs;
    this.idleSinceMs = phase === "idle" ? nowMs : undefined;
    if (phase === "idle") {
      const { session } = this;
      assert(session !== undefined, `${this.vmId} is idle without a session`);
      this.lingering = setTimeout(() => this.pauseSoon(session), lingerMs);
    }
    if (phase === "stopping") this.leaving.abort(this.endedError());
    this.parts.onPhase(this, phase);
  }

  private async clone(): Promise<void> {
    const { signal } = this.leaving;
    const template = await orAborted(this.parts.ensureTemplate(this.config), signal);
    const fromMs = this.parts.clock.nowMs();
    const session = await this.span("clone VM", () => this.cloneOf(template, signal));
    const toMs = this.parts.clock.nowMs();
    this.cloneMs = toMs - fromMs;
    this.restored = { fromMs, toMs };
    void session.ended.then((failure) => {
      if (!this.isGone) this.actor.send({ type: "guest.ended", failure: failure.toFailure() });
    });
    if (this.assignment === undefined) await this.pause();
  }

  /** @throws TidepoolError `unavailable`, also when the guest crashes: nothing of anybody's ran in it */
  private async cloneOf(template: Template, signal: AbortSignal): Promise<GuestSession> {
    const { hypervisor, openSession } = this.parts;
    try {
      this.domain = await hypervisor.clone(template, this.vmId, { signal });
      const session = openSession(this.domain, {
        onOutput: (stream, bytes) => this.hear(stream, bytes),
      });
      this.session = session;
      await within(
        handshakeMaxMs,
        () => new TidepoolError("unavailable", `no answer in ${handshakeMaxMs} ms`),
        (limited) => session.handshake(template, { signal: limited }),
        signal,
      );
      return session;
    } catch (cause) {
      throw new TidepoolError("unavailable", `clone of ${this.vmId}: ${messageOf(cause)}`, {
        cause,
      });
    }
  }

  private async load(): Promise<void> {
    const { session, assignment } = this;
    assert(session !== undefined && assignment !== undefined, `${this.vmId} has nothing to load`);
    const { owned } = assignment;
    const { signal } = this.leaving;
    const { clock } = this.parts;
    const fetching = this.parts.codeFiles(owned.codeDigest, signal);
    fetching.catch(() => {}); // awaited below; the resume may fail first
    if (this.isPaused) {
      const fromMs = clock.nowMs();
      await this.span("restore VM", () => this.resume(session));
      this.restored = { fromMs, toMs: clock.nowMs() };
    }
    const fromMs = clock.nowMs();
    this.outputBytes = 0;
    await this.span("load code", async () => {
      const files = await fetching;
      await within(
        loadMaxMs,
        () =>
          new TidepoolError(
            "functionError",
            `init of ${owned.name} took longer than ${loadMaxMs} ms`,
          ),
        (limited) =>
          session.load(
            {
              functionName: owned.name,
              functionVersion: owned.version,
              handler: owned.handler,
              memoryLimitMib: owned.memoryMib,
              environment: owned.environment,
              files,
            },
            { signal: limited },
          ),
        signal,
      );
    });
    this.loaded = { fromMs, toMs: clock.nowMs() };
  }

  private async destroy(): Promise<void> {
    await this.cloning.catch(() => {}); // a domain may still be coming
    await (this.domain?.destroy() ?? this.parts.hypervisor.destroy(this.vmId));
  }

  private async run(session: GuestSession, call: VmCall) {
    if (this.delivering === undefined) this.hearFor(call.requestId);
    else void this.delivering.then(() => this.hearFor(call.requestId));
    this.callFailure = new AbortController();
    return within(
      call.timeoutMs,
      () => new TidepoolError("timeout", `invocation ran longer than ${call.limitName}`),
      (limited) =>
        session.invoke(
          {
            requestId: call.requestId,
            payload: call.payload,
            timeoutMs: call.timeoutMs,
            traceparent: traceparentOf(),
          },
          { signal: limited },
        ),
      call.signal,
      this.callFailure.signal,
      this.leaving.signal,
    );
  }

  /** From now on what is printed belongs to this request. */
  private hearFor(requestId: string): void {
    this.requestId = requestId;
    this.outputBytes = 0;
  }

  private hear(stream: OutputStream, bytes: Uint8Array): void {
    if (this.outputBytes > outputMaxBytes) return;
    this.outputBytes += bytes.length;
    this.hasPrinted = true;
    this.parts.onOutput(this, stream, bytes);
    if (this.outputBytes <= outputMaxBytes) return;
    const failure = new TidepoolError(
      "outputLimit",
      `function printed more than ${outputMaxBytes} bytes in one invocation`,
    );
    this.callFailure?.abort(failure);
    this.stop("failed", failure);
  }

  private async resume(session: GuestSession): Promise<void> {
    await this.domain?.resume();
    this.isPaused = false;
    await session.setClock({ signal: this.leaving.signal });
  }

  private async pause(): Promise<void> {
    if (this.phase !== "cloning" && (this.phase !== "idle" || this.isTaken)) return;
    await this.domain?.pause();
    this.isPaused = true;
  }

  /** Hands on what the call printed. */
  private async deliver(session: GuestSession): Promise<void> {
    await within(
      flushMaxMs,
      () =>
        new TidepoolError(
          "unavailable",
          `${this.vmId} did not deliver its output in ${flushMaxMs} ms`,
        ),
      (signal) => session.flush({ signal }),
      this.leaving.signal,
    );
    this.parts.onDelivered(this);
  }

  /**
   * At once where functions print; else before the VM is paused, so that a silent function's calls in quick
   * succession share the guest's only CPU with nothing.
   */
  private deliverSoon(session: GuestSession): void {
    if (!this.hasPrinted) return;
    const delivered = (this.delivering ?? Promise.resolve())
      .then(() => this.deliver(session))
      .catch((error: unknown) => this.stop("failed", TidepoolError.from(error)))
      .finally(() => {
        if (this.delivering === delivered) this.delivering = undefined;
      });
    this.delivering = delivered;
  }

  private pauseSoon(session: GuestSession): void {
    this.pausing = (this.delivering ?? this.deliver(session))
      .then(() => this.pause())
      .catch((error: unknown) => this.stop("failed", TidepoolError.from(error)))
      .finally(() => {
        this.pausing = undefined;
      });
  }

  /** A span in the trace that the VM works for; none for the pool's own work. */
  private span<T>(name: string, work: () => Promise<T>): Promise<T> {
    const parent = trace.getActiveSpan() === undefined ? this.traceContext : context.active();
    if (parent === undefined) return work();
    const attributes = { "tidepool.vm_id": this.vmId };
    return withSpan(name, { kind: SpanKind.INTERNAL, parent, attributes }, work);
  }

  private endedError(): TidepoolError {
    return (
      this.failure ??
      new TidepoolError("unavailable", `${this.vmId} has gone: ${this.reason ?? "stopped"}`)
    );
  }
}
