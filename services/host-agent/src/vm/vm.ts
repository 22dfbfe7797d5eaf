/**
 * One VM: its machine, and all effects of the machine; what belongs to its guest is in guest.ts. Vm holds
 * what is planned with it: owner, reservation, how long it stays.
 */
import { context, SpanKind, trace } from "@opentelemetry/api";
import type { Context } from "@opentelemetry/api";
import { createActor, fromPromise } from "xstate";
import type { Actor } from "xstate";
import { assert, TidepoolError, withSpan } from "@tidepool/common";
import type { VmRecord } from "../adoption/vm-records.ts";
import type { Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { orAborted } from "../within.ts";
import { destroyVm } from "./destroy.ts";
import { Guest } from "./guest.ts";
import type { VmCall } from "./guest.ts";
import { lingerMs } from "./limits.ts";
import type { ForecastWindow } from "./owned-function.ts";
import type { GoneReason, VmPhase } from "./phases.ts";
import { vmMachine } from "./vm-machine.ts";
import type { Interval, VmAnswer, VmAssignment, VmOrigin, VmParts } from "./vm-parts.ts";
import type { VmView } from "./vm-view.ts";

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
  /** The last that it was given for. */
  assignmentId: string | undefined;
  assignedAtMs: number | undefined;
  /** When it was assigned, or a call last took it. */
  usedAtMs = 0;
  /** True when it was cloned for its assignment, not taken from the pool. */
  isCold = false;
  keepUntilMs = Number.POSITIVE_INFINITY;
  /** Until then it stays whatever its own time is, as one of those that an owner has provisioned. */
  floorUntilMs = 0;
  /** What it waits for now: the window it was made ready for, or a later one. */
  window: ForecastWindow | undefined;
  reservation: { readonly requestId: string; readonly untilMs: number } | undefined;
  /** A call has been promised this VM and has not ended. */
  isTaken = false;
  /** A secret that it was loaded with has a new value: it serves no further call. */
  isOutdated = false;
  /** Its clone has begun: until then it costs nothing. */
  isBegun = false;
  /** VMs that make room for it have not gone yet. */
  isWaitingForRoom = false;
  idleSinceMs: number | undefined;
  idleMs = 0;
  cloneMs: number | undefined;
  restored: Interval | undefined;
  loaded: Interval | undefined;

  /** Taken after its function's init: it is that function's from the start, and loaded. */
  readonly functionTemplate: Template | undefined;
  private readonly adopted: VmRecord | undefined;
  private template: Template | undefined;

  private readonly parts: VmParts;
  private readonly actor: Actor<typeof vmMachine>;
  private readonly free: (() => void)[] = [];
  private readonly leaving = new AbortController();
  private room: Promise<unknown> = Promise.resolve();
  private traceContext: Context | undefined;
  private readonly guest: Guest;
  private lingering: NodeJS.Timeout | undefined;
  private isLeft = false;

  constructor(vmId: string, config: VmConfig, parts: VmParts, origin: VmOrigin = {}) {
    this.vmId = vmId;
    this.functionTemplate = origin.functionTemplate;
    this.adopted = origin.adopted;
    this.config = config;
    this.parts = parts;
    this.createdAtMs = parts.clock.nowMs();
    this.guest = new Guest(vmId, {
      hypervisor: parts.hypervisor,
      openSession: parts.openSession,
      leaving: this.leaving.signal,
      onOutput: (stream, bytes) => parts.onOutput(this, stream, bytes),
      onDelivered: () => parts.onDelivered(this),
      onPaused: () => this.notePaused(),
      onBroken: (failure) => {
        if (!this.isGone) this.actor.send({ type: "guest.ended", failure: failure.toFailure() });
      },
    });
    this.actor = createActor(
      vmMachine.provide({
        actors: {
          clone: fromPromise(() => this.clone()),
          load: fromPromise(() => this.load()),
          destroy: fromPromise(() => destroyVm(() => this.guest.destroy(), { vmId, ...parts })),
        },
      }),
      { input: { vmId, callCount: origin.adopted?.owner?.callCount ?? 0 } },
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

  /** Its clone begins no sooner: until then it holds nothing of the host. To be called before start. */
  waitFor(room: Promise<unknown>): void {
    this.isWaitingForRoom = true;
    this.room = room;
  }

  start(): void {
    this.actor.start();
    const owner = this.adopted?.owner;
    if (owner === undefined) return;
    const { owned, window, keepUntilMs, assignmentId } = owner;
    this.assign({ owned, requestId: undefined, window, keepUntilMs });
    this.assignmentId = assignmentId;
    this.isCold = false;
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
    this.assignedAtMs = this.usedAtMs = this.parts.clock.nowMs();
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
    if (!this.actor.getSnapshot().can({ type: "call.start" })) {
      throw new TidepoolError("wrongPhase", `${this.vmId} is ${this.phase}: it takes no call`);
    }
    this.actor.send({ type: "call.start" });
    try {
      await this.guest.settled();
      const beganAtMs = performance.now();
      if (this.guest.isPaused) await this.span("restore VM", () => this.guest.resume());
      const restoreMs = performance.now() - beganAtMs;
      const result = await this.span("run function", () => this.guest.run(call));
      this.guest.deliverSoon();
      this.actor.send({ type: "call.end" });
      const { runUs, ...answer } = result;
      return { ...answer, runMs: runUs / 1000, restoreMs };
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code === "functionError" && this.guest.failure === undefined) {
        this.guest.deliverSoon();
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

  /**
   * Leaves it to the next process when it waits: paused, and written down. From then on nothing happens with it.
   * Resolves with whether it is left.
   */
  async leave(): Promise<boolean> {
    const waits = (): boolean =>
      !this.isTaken && (this.phase === "idle" || this.phase === "warming");
    if (this.parts.records === undefined || this.isOutdated || !waits()) return false;
    clearTimeout(this.lingering);
    await this.guest.settled();
    if (!this.guest.isPaused) this.guest.pauseSoon(waits);
    await this.guest.settled();
    if (!this.guest.isPaused || !waits()) return false;
    this.notePaused();
    this.isLeft = true;
    return true;
  }

  /** The request that what is printed now belongs to; the last one while idle. */
  get requestId(): string {
    return this.guest.requestId;
  }

  /** Promises the VM to a call. */
  take(): void {
    this.isTaken = true;
    this.usedAtMs = this.parts.clock.nowMs();
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

  /** A call is to come for it. */
  get isReserved(): boolean {
    return (this.reservation?.untilMs ?? 0) > this.parts.clock.nowMs();
  }

  /** Whether no call is to come for it but this one. */
  isFreeFor(requestId: string): boolean {
    return !this.isReserved || this.reservation?.requestId === requestId;
  }

  private get isGone(): boolean {
    return this.isLeft || this.actor.getSnapshot().status !== "active";
  }

  /** Plain data for decisions. */
  view(nowMs: number): VmView {
    const { assignment, window } = this;
    return {
      vmId: this.vmId,
      phase: this.phase,
      config: this.config,
      functionName: assignment?.owned.name,
      version: assignment?.owned.version,
      isSpokenFor: this.isTaken || this.isReserved,
      isForCall: assignment?.requestId !== undefined,
      isPaused: this.guest.isPaused,
      isWaitingForRoom: this.isWaitingForRoom,
      isProvisioned: this.floorUntilMs > nowMs,
      createdAtMs: this.createdAtMs,
      assignedAtMs: this.assignedAtMs ?? 0,
      usedAtMs: this.usedAtMs,
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
      const mayPause = (): boolean => this.phase === "idle" && !this.isTaken;
      this.lingering = setTimeout(() => this.guest.pauseSoon(mayPause), lingerMs);
    }
    if (phase === "stopping") this.leaving.abort(this.endedError());
    this.parts.onPhase(this, phase);
  }

  /** What the next process is to know. */
  private notePaused(): void {
    const { vmId, template, assignment, assignmentId, window, keepUntilMs, callCount } = this;
    if (template === undefined || this.isGone) return;
    const given = { ...(window && { window }), ...(assignmentId && { assignmentId }) };
    const plan = { keepUntilMs, callCount, ...given };
    const owner = assignment && { owner: { owned: assignment.owned, ...plan } };
    this.parts.records?.save({ vmId, template, ...owner });
  }

  private async clone(): Promise<void> {
    if (this.adopted !== undefined) {
      this.template = this.adopted.template;
      await this.guest.adopt(this.template);
      if (this.assignment === undefined) await this.guest.pause();
      return;
    }
    const template =
      this.functionTemplate ??
      (await orAborted(this.parts.ensureTemplate(this.config), this.leaving.signal));
    this.template = template;
    await orAborted(this.room, this.leaving.signal);
    this.isWaitingForRoom = false;
    let fromMs = 0;
    await this.parts.cloneGate.run(async () => {
      this.leaving.signal.throwIfAborted();
      this.isBegun = true;
      fromMs = this.parts.clock.nowMs();
      await this.span("clone VM", () => this.guest.clone(template));
    });
    const toMs = this.parts.clock.nowMs();
    this.cloneMs = toMs - fromMs;
    this.restored = { fromMs, toMs };
    if (this.assignment === undefined) await this.guest.rehearse();
    if (this.assignment === undefined) await this.guest.pause();
  }

  private async load(): Promise<void> {
    const { assignment, guest } = this;
    assert(assignment !== undefined, `${this.vmId} has something to load`);
    const { clock } = this.parts;
    if (this.adopted?.owner !== undefined) return;
    if (this.functionTemplate !== undefined) {
      const fromMs = clock.nowMs();
      await this.span("restore function", () => guest.restoreFunction(assignment.owned));
      this.loaded = { fromMs, toMs: clock.nowMs() };
      return;
    }
    const fetching = this.parts.codeFiles(assignment.owned.codeDigest, this.leaving.signal);
    fetching.catch(() => {}); // awaited below; the resume may fail first
    const forgetting = this.parts.records?.remove(this.vmId);
    forgetting?.catch(() => {}); // likewise
    const opening = this.parts.openSecrets(assignment.owned.secrets);
    opening.catch(() => {}); // likewise
    if (guest.isPaused) {
      const fromMs = clock.nowMs();
      await this.span("restore VM", () => guest.resume());
      this.restored = { fromMs, toMs: clock.nowMs() };
    }
    const fromMs = clock.nowMs();
    await this.span("load code", async () => {
      const { owned } = assignment;
      await forgetting; // it says that this VM is nobody's
      const environment = { ...owned.environment, ...(await opening) };
      await guest.load({ ...owned, environment }, await fetching);
    });
    this.loaded = { fromMs, toMs: clock.nowMs() };
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
