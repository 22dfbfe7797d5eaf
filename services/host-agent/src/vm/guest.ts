/**
 * The guest's side of one VM: its domain and the session with it.
 *
 * What a call printed is delivered after its answer has left, and the next call does not wait for that: the
 * guest keeps the order, so what comes before the end of the delivery belongs to the call before. A pause is
 * finished before the next call begins.
 */
import { assert, messageOf, TidepoolError, traceparentOf } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type {
  AnswerSink,
  CodeFile,
  FunctionLoad,
  GuestSession,
  InvokeResult,
  OpenGuestSession,
  OutputStream,
} from "../guest/session.ts";
import type { Domain, Hypervisor, Template } from "../hypervisor/hypervisor.ts";
import { within } from "../within.ts";
import { flushMaxMs, handshakeMaxMs, outputMaxBytes, rehearsalMaxMs } from "./limits.ts";
import type { OwnedFunction } from "./owned-function.ts";

export interface GuestParts {
  readonly hypervisor: Hypervisor;
  readonly openSession: OpenGuestSession;
  /** Ends all waiting when the VM goes. */
  readonly leaving: AbortSignal;
  onOutput(stream: OutputStream, bytes: Uint8Array): void;
  /** Everything that the last call printed has been heard. */
  onDelivered(): void;
  /** It waits, and nothing of it is on its way. */
  onPaused(): void;
  /** It is of no more use, outside of any call. */
  onBroken(failure: TidepoolError): void;
}

export interface VmCall {
  readonly requestId: string;
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  /** How the limit is called in the error when it passes: the function's, or the caller's deadline. */
  readonly limitName: string;
  /** Whose it is. */
  readonly limit: "runTimeout" | "callDeadline";
  readonly signal: AbortSignal;
  /** Takes a streamed answer as it comes. */
  readonly sink?: AnswerSink | undefined;
}

export class Guest {
  isPaused = false;
  /** The request that what is printed now belongs to; the last one while idle. */
  requestId = "";
  private readonly vmId: string;
  private readonly parts: GuestParts;
  private cloning: Promise<void> = Promise.resolve();
  private domain: Domain | undefined;
  private opened: GuestSession | undefined;
  private outputBytes = 0;
  private hasPrinted = false;
  private callFailure: AbortController | undefined;
  private delivering: Promise<void> | undefined;
  private pausing: Promise<void> | undefined;

  constructor(vmId: string, parts: GuestParts) {
    this.vmId = vmId;
    this.parts = parts;
  }

  /** @throws TidepoolError `unavailable`, also when the guest crashes: nothing of anybody's ran in it */
  clone(template: Template): Promise<void> {
    const { hypervisor, leaving } = this.parts;
    this.cloning = this.greet(template, "clone", () =>
      hypervisor.clone(template, this.vmId, { signal: leaving }),
    );
    return this.cloning;
  }

  /** Takes over what an earlier process has left, which goes on. @throws TidepoolError `unavailable` */
  adopt(template: Template): Promise<void> {
    this.cloning = this.greet(template, "adoption", async () => {
      const { hypervisor } = this.parts;
      const domain = await hypervisor.adopt?.(this.vmId);
      if (domain !== undefined) return domain;
      throw new TidepoolError("unavailable", `${hypervisor.name} adopts no VM`);
    });
    return this.cloning;
  }

  /** For a clone that nobody waits for: its first load will be quick. */
  async rehearse(): Promise<void> {
    await within(
      rehearsalMaxMs,
      () => new TidepoolError("unavailable", `no rehearsal in ${rehearsalMaxMs} ms`),
      (signal) => this.session.rehearse({ signal }),
      this.parts.leaving,
    );
  }

  /** Lets a paused VM go on, with the right time. */
  async resume(): Promise<void> {
    await this.domain?.resume();
    this.isPaused = false;
    await this.session.setClock({ signal: this.parts.leaving });
  }

  async pause(): Promise<void> {
    await this.domain?.pause();
    this.isPaused = true;
    this.parts.onPaused();
  }

  /** Delivers what is left of the last call's output and pauses, if `mayPause` then. */
  pauseSoon(mayPause: () => boolean): void {
    this.pausing = (this.delivering ?? this.deliver())
      .then(async () => {
        if (mayPause()) await this.pause();
      })
      .catch((error: unknown) => this.parts.onBroken(TidepoolError.from(error)))
      .finally(() => {
        this.pausing = undefined;
      });
  }

  /** Resolves when no pause is under way. */
  async settled(): Promise<void> {
    if (this.pausing !== undefined) await this.pausing;
  }

  async load(owned: OwnedFunction, files: readonly CodeFile[]): Promise<void> {
    await this.init(owned, (signal) => this.session.load(functionLoad(owned, files), { signal }));
  }

  /** Instead of a load, in a clone of a template that was taken after it. */
  async restoreFunction(owned: OwnedFunction): Promise<void> {
    await this.init(owned, (signal) => this.session.afterRestore({ signal }));
  }

  async run(call: VmCall): Promise<InvokeResult> {
    const { requestId: keptId, payload, timeoutMs } = call;
    // User code knows of no other tenants.
    const requestId = subjects.nameOf(keptId);
    if (this.delivering === undefined) this.hearFor(keptId);
    else void this.delivering.then(() => this.hearFor(keptId));
    this.callFailure = new AbortController();
    return within(
      timeoutMs,
      () =>
        new TidepoolError("timeout", `invocation ran longer than ${call.limitName}`, {
          component: call.limit === "callDeadline" ? "client" : "function",
          reason: call.limit,
        }),
      (signal) =>
        this.session.invoke(
          { requestId, payload, timeoutMs, traceparent: traceparentOf() },
          call.sink === undefined ? { signal } : { signal, sink: call.sink },
        ),
      call.signal,
      this.callFailure.signal,
      this.parts.leaving,
    );
  }

  /**
   * To be called after a call. At once where functions print; else before the pause, so that a silent
   * function's calls in quick succession share the guest's only CPU with nothing.
   */
  deliverSoon(): void {
    if (!this.hasPrinted) return;
    const delivered = (this.delivering ?? Promise.resolve())
      .then(() => this.deliver())
      .catch((error: unknown) => this.parts.onBroken(TidepoolError.from(error)))
      .finally(() => {
        if (this.delivering === delivered) this.delivering = undefined;
      });
    this.delivering = delivered;
  }

  /** Why it is of no more use; undefined while it is. */
  get failure(): TidepoolError | undefined {
    return this.opened?.failure;
  }

  async destroy(): Promise<void> {
    await this.cloning.catch(() => {}); // a domain may still be coming
    await (this.domain?.destroy() ?? this.parts.hypervisor.destroy(this.vmId));
  }

  private async init(
    { name, initTimeoutMs }: OwnedFunction,
    work: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    this.outputBytes = 0;
    const late = `init of ${name} took longer than its limit of ${initTimeoutMs} ms`;
    const reason = { component: "function", reason: "initTimeout" } as const;
    await within(
      initTimeoutMs,
      () => new TidepoolError("timeout", late, reason),
      work,
      this.parts.leaving,
    );
  }

  private get session(): GuestSession {
    assert(this.opened !== undefined, `${this.vmId} has a session`);
    return this.opened;
  }

  private async greet(
    template: Template,
    what: string,
    open: () => Promise<Domain>,
  ): Promise<void> {
    const { openSession, leaving } = this.parts;
    try {
      this.domain = await open();
      const session = openSession(this.domain, {
        onOutput: (stream, bytes) => this.hear(stream, bytes),
      });
      await within(
        handshakeMaxMs,
        () => new TidepoolError("unavailable", `no answer in ${handshakeMaxMs} ms`),
        (signal) => session.handshake(template, { signal }),
        leaving,
      );
      this.opened = session;
      void session.ended.then((failure) => this.parts.onBroken(failure));
    } catch (cause) {
      const text = `${what} of ${this.vmId}: ${messageOf(cause)}`;
      throw new TidepoolError("unavailable", text, { cause });
    }
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
    this.parts.onOutput(stream, bytes);
    if (this.outputBytes <= outputMaxBytes) return;
    const text = `function printed more than ${outputMaxBytes} bytes in one invocation`;
    const failure = new TidepoolError("outputLimit", text, { reason: "printedTooMuch" });
    this.callFailure?.abort(failure);
    this.parts.onBroken(failure);
  }

  private async deliver(): Promise<void> {
    const late = `${this.vmId} did not deliver its output in ${flushMaxMs} ms`;
    await within(
      flushMaxMs,
      () => new TidepoolError("unavailable", late),
      (signal) => this.session.flush({ signal }),
      this.parts.leaving,
    );
    this.parts.onDelivered();
  }
}

/** What a guest is told of a function. */
export function functionLoad(owned: OwnedFunction, files: readonly CodeFile[]): FunctionLoad {
  return {
    functionName: subjects.nameOf(owned.name),
    functionVersion: owned.version,
    handler: owned.handler,
    memoryLimitMib: owned.memoryMib,
    environment: owned.environment,
    files,
  };
}
