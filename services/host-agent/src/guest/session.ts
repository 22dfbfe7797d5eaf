/**
 * One conversation with one guest, over a domain's two channels: greeting a fresh clone, keeping its
 * clock right, loading code, running invocations, and hearing what it printed.
 *
 * Whatever the guest does, a method of the session settles with a result or a TidepoolError; garbage on a
 * channel ends the session, never the host-agent. A session whose `ended` has settled is of no more use.
 */
import type { TidepoolError } from "@tidepool/common";
import type { Domain, Template } from "../hypervisor/hypervisor.ts";

/** Largest result that a session takes from a guest, unless the caller names a smaller one. */
export const answerMaxBytes = 6 * 1024 * 1024;
/** Longest answer that a function may stream; it is never held whole. */
export const streamedAnswerMaxBytes = 200 * 1024 * 1024;

export type OutputStream = "stdout" | "stderr";

export interface SessionOptions {
  /** Called for everything that the runtime and its children print, in order per stream. Must not throw. */
  readonly onOutput?: (stream: OutputStream, bytes: Uint8Array) => void;
  readonly answerMaxBytes?: number;
  readonly streamedAnswerMaxBytes?: number;
}

/** What one VM is loaded with; a VM is loaded once. */
export interface FunctionLoad {
  readonly functionName: string;
  readonly functionVersion: string;
  /** "file.export", as in "index.handler". */
  readonly handler: string;
  readonly memoryLimitMib: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly files: Iterable<CodeFile>;
}

export interface CodeFile {
  /** Relative, parts separated by "/"; the caller has checked that it stays inside. */
  readonly path: string;
  /** POSIX permission bits. */
  readonly mode: number;
  readonly content: Uint8Array;
}

export interface InvokeRequest {
  readonly requestId: string;
  /** JSON. */
  readonly payload: Uint8Array;
  /** What the function is told that it may take; the caller enforces it. */
  readonly timeoutMs: number;
  readonly traceparent: string;
}

/** What a function says of a streamed answer before its first byte. */
export interface AnswerHead {
  /** "application/octet-stream" unless the function named another. */
  readonly contentType: string;
  /** JSON {"statusCode", "headers", "cookies"}, as the function set it for HTTP; empty when it did not. */
  readonly http: string;
}

/**
 * Takes a streamed answer as the function writes it, one call at a time, in order: `onStart` once, `onChunk`
 * for each part. While a promise of it is pending the guest is not read, which holds the function back. One
 * that rejects fails the invocation with its error; neither is called after the invocation has settled.
 */
export interface AnswerSink {
  onStart(head: AnswerHead): Promise<void> | void;
  /** At most 1 MiB; the bytes are the sink's own from then on. */
  onChunk(bytes: Uint8Array): Promise<void> | void;
}

export interface InvokeResult {
  /**
   * The whole answer: JSON, or the bytes of a streamed one that nobody took as it came. Empty when a sink
   * has had it.
   */
  readonly payload: Uint8Array;
  /** How long the handler ran, as the guest measured it. */
  readonly runUs: number;
  /** Present when the function streamed its answer. */
  readonly streamed?: AnswerHead;
}

export interface CallOptions {
  /** Aborting rejects the call with the signal's reason; the guest goes on, so the domain is to be destroyed. */
  readonly signal?: AbortSignal;
}

export interface InvokeOptions extends CallOptions {
  /** Without one a streamed answer is gathered, up to the limit of an answer. */
  readonly sink?: AnswerSink;
}

export interface GuestSession {
  readonly domain: Domain;
  /**
   * Settles once, never rejects, with why the guest is of no more use: `memoryLimit`, `guestCrash`,
   * `unavailable` (the domain is gone) or, when it broke the protocol, `guestCrash` too.
   */
  readonly ended: Promise<TidepoolError>;
  /** The same error once it has settled; a VM with a failure must not be used again. */
  readonly failure: TidepoolError | undefined;
  /**
   * Greets a fresh clone: real time, fresh randomness, and proof that it is a clone of this template.
   * Nothing else may be called before. Resolves when the runtime has answered.
   */
  handshake(template: Template, options?: CallOptions): Promise<void>;
  /**
   * Has the runtime go once through a load and an invocation of its own, so that the guest's code for it is
   * translated. For a clone that has time before its first call; before load(). Leaves no trace.
   */
  rehearse(options?: CallOptions): Promise<void>;
  /** To be called after every resume, before the next invocation. */
  setClock(options?: CallOptions): Promise<void>;
  /**
   * Loads a function's code and runs its init code.
   * @throws TidepoolError `functionError` when the handler is missing or its module throws; `memoryLimit`, `guestCrash`
   */
  load(code: FunctionLoad, options?: CallOptions): Promise<{ readonly initUs: number }>;
  /**
   * After a load, in a VM that becomes a template of its function: runs the function's own hooks, and prepares
   * its generators to renew themselves in clones. Nothing but the freeze may follow.
   * @throws TidepoolError `functionError` when a hook throws
   */
  beforeSnapshot(options?: CallOptions): Promise<void>;
  /**
   * In a clone of such a template, after the handshake and instead of a load: renews what its init has drawn,
   * then runs the function's own hooks.
   * @throws TidepoolError `functionError` when a hook throws
   */
  afterRestore(options?: CallOptions): Promise<{ readonly initUs: number }>;
  /**
   * Runs one invocation; one at a time.
   * @throws TidepoolError `functionError` (with `thrown`), `memoryLimit`, `guestCrash`, `outputLimit`, `wrongPhase`
   */
  invoke(request: InvokeRequest, options?: InvokeOptions): Promise<InvokeResult>;
  /** Resolves when everything printed before the call has been given to `onOutput`. */
  flush(options?: CallOptions): Promise<void>;
}

/** Takes over both channels of a domain; open-session.ts has the one for real guests. */
export type OpenGuestSession = (domain: Domain, options?: SessionOptions) => GuestSession;
