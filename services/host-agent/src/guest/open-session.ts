/**
 * The guest session of session.ts, over frames. Each request waits in one slot for its answer, because a
 * guest does one thing at a time; an answer that nobody waits for breaks the protocol.
 */
import { randomBytes } from "node:crypto";
import { TidepoolError, assert } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { Domain, Template } from "../hypervisor/hypervisor.ts";
import { AnswerCollector } from "./answer-collector.ts";
import { FrameChannel } from "./frame-channel.ts";
import { answerMaxBytes, streamedAnswerMaxBytes } from "./session.ts";
import type {
  AnswerSink,
  CallOptions,
  FunctionLoad,
  GuestSession,
  InvokeOptions,
  InvokeRequest,
  InvokeResult,
  OpenGuestSession,
  SessionOptions,
} from "./session.ts";
import { lastWordsMaxBytes, runtimeExitError, thrownError } from "./session-errors.ts";
import { Slot, unaskedAnswersMax } from "./slot.ts";
import { StreamedAnswer } from "./streamed-answer.ts";
import type { StreamedAnswerLimits } from "./streamed-answer.ts";

const { HostControl, GuestControl, HostRuntime, GuestRuntime, Stream } = tidepool.guest.v1;

/** A frame of payload or code; small ones keep the memory of the guest's reader small. */
const chunkMaxBytes = 256 * 1024;
const entropyBytes = 64;
/** 2020-01-01, as in a template's boot: far from the present of every clone. */
const snapshotClockS = 1_577_836_800;
const contentTypeDefault = "application/octet-stream";

export const openGuestSession: OpenGuestSession = (domain, options = {}) =>
  new FramedSession(domain, options);

class FramedSession implements GuestSession {
  readonly domain: Domain;
  readonly ended: Promise<TidepoolError>;
  readonly #options: SessionOptions;
  readonly #control: FrameChannel;
  readonly #runtime: FrameChannel;
  #failure: TidepoolError | undefined;
  #settleEnded: (error: TidepoolError) => void = () => undefined;

  readonly #restored = new Slot<string>("a restore");
  readonly #clockSet = new Slot<void>("a clock setting");
  readonly #flushed = new Slot<number>("a flush");
  readonly #pong = new Slot<void>("a ping");
  readonly #rehearsed = new Slot<void>("a rehearsal");
  readonly #loaded = new Slot<{ readonly initUs: number }>("a load");
  readonly #snapshotReady = new Slot<void>("a snapshot");
  readonly #restoreDone = new Slot<{ readonly initUs: number }>("a restore's hooks");
  readonly #answered = new Slot<InvokeResult>("an invocation");
  readonly #answer: AnswerCollector;
  readonly #limits: StreamedAnswerLimits;
  #sink: AnswerSink | undefined;
  #streamed: StreamedAnswer | undefined;
  #flushId = 0;
  #loadFailedCount = 0;
  #lastWords = "";
  #memoryLimitMib = 0;

  constructor(domain: Domain, options: SessionOptions) {
    this.domain = domain;
    this.#options = options;
    this.#limits = { answerMaxBytes, streamedAnswerMaxBytes, ...options };
    this.#answer = new AnswerCollector(this.#limits.answerMaxBytes);
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    const onEnd = (error: TidepoolError): void => {
      if (error.code !== "unavailable") this.#end(error);
      // A channel that closes is the domain ending; that knows why.
      else void this.#endWithDomain();
    };
    this.#control = new FrameChannel(domain.control, {
      onEnd,
      onFrame: (frame) => {
        this.#takeControl(GuestControl.decode(frame));
      },
    });
    this.#runtime = new FrameChannel(domain.runtime, {
      onEnd,
      onFrame: (frame) => {
        this.#takeRuntime(GuestRuntime.decode(frame));
      },
    });
    void this.#endWithDomain();
  }

  get failure(): TidepoolError | undefined {
    return this.#failure;
  }

  async handshake(template: Template, options: CallOptions = {}): Promise<void> {
    const { bootId = template.id } = template;
    // Both at once: the runtime has nothing to do with time or the kernel's randomness until it is told to load.
    const restored = this.#ask(this.#restored, options, () => {
      const restore = {
        templateId: bootId,
        now: timestamp(),
        entropy: randomBytes(entropyBytes),
      };
      this.#control.send(HostControl.encode({ restore }).finish());
    });
    const pong = this.#ask(this.#pong, options, () => {
      const ping = { id: 1, entropy: randomBytes(entropyBytes) };
      this.#runtime.send(HostRuntime.encode({ ping }).finish());
    });
    const [id] = await Promise.all([restored, pong]);
    if (id === bootId) return;
    const text = `vm ${this.domain.vmId} is a guest of template ${id}, expected ${bootId}`;
    this.#end(new TidepoolError("internal", text));
    throw new TidepoolError("internal", text);
  }

  async rehearse(options: CallOptions = {}): Promise<void> {
    await this.#ask(this.#rehearsed, options, () => {
      this.#runtime.send(HostRuntime.encode({ rehearse: { rounds: 1 } }).finish());
    });
  }

  async setClock(options: CallOptions = {}): Promise<void> {
    await this.#setClock(timestamp(), options);
  }

  async #setClock(now: ReturnType<typeof timestamp>, options: CallOptions): Promise<void> {
    await this.#ask(this.#clockSet, options, () => {
      this.#control.send(HostControl.encode({ setClock: { now } }).finish());
    });
  }

  async beforeSnapshot(options: CallOptions = {}): Promise<void> {
    const tell = (message: tidepool.guest.v1.HostRuntime.$Properties): Promise<void> =>
      this.#ask(this.#snapshotReady, options, () => {
        this.#runtime.send(HostRuntime.encode(message).finish());
      });
    await tell({ beforeSnapshot: {} });
    await this.#setClock({ seconds: snapshotClockS, nanos: 0 }, options);
    await tell({ freeze: {} });
  }

  async afterRestore(options: CallOptions = {}): Promise<{ readonly initUs: number }> {
    return this.#ask(this.#restoreDone, options, () => {
      this.#runtime.send(HostRuntime.encode({ afterRestore: {} }).finish());
    });
  }

  async load(code: FunctionLoad, options: CallOptions = {}): Promise<{ readonly initUs: number }> {
    return this.#ask(this.#loaded, options, () => {
      this.#sendCode(code).catch((thrown: unknown) => {
        this.#loaded.reject(TidepoolError.from(thrown));
      });
    });
  }

  async invoke(request: InvokeRequest, options: InvokeOptions = {}): Promise<InvokeResult> {
    const answered = this.#ask(this.#answered, options, () => {
      this.#answer.expect(request.requestId);
      this.#sink = options.sink;
      const { requestId, payload, timeoutMs, traceparent } = request;
      const head = payload.subarray(0, chunkMaxBytes);
      const invoke = {
        requestId,
        payloadBytes: payload.length,
        payload: head,
        timeoutMs,
        traceparent,
      };
      this.#runtime.send(HostRuntime.encode({ invoke }).finish());
      if (payload.length > chunkMaxBytes) void this.#sendPayload(payload);
    });
    return answered.finally(() => this.#streamed?.abandon());
  }

  async flush(options: CallOptions = {}): Promise<void> {
    this.#flushId = (this.#flushId + 1) >>> 0;
    const id = this.#flushId;
    const flushed = await this.#ask(this.#flushed, options, () => {
      this.#control.send(HostControl.encode({ flush: { id } }).finish());
    });
    assert(flushed === id, "a flush is answered with its own id");
  }

  /** Runs one request in its slot, unless the session has ended, until it settles or is aborted. */
  async #ask<T>(slot: Slot<T>, options: CallOptions, begin: () => void): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure;
    return slot.run(begin, options.signal);
  }

  async #sendCode(code: FunctionLoad): Promise<void> {
    const { functionName, functionVersion, handler, memoryLimitMib, environment } = code;
    const load = { functionName, functionVersion, handler, memoryLimitMib, environment };
    this.#memoryLimitMib = memoryLimitMib;
    const send = async (message: tidepool.guest.v1.HostRuntime.$Properties): Promise<void> => {
      const hasRoom = this.#runtime.send(HostRuntime.encode(message).finish());
      if (!hasRoom) await this.#runtime.drained();
    };
    await send({ load });
    for (const { path, mode, content } of code.files) {
      for (let at = 0; at === 0 || at < content.length; at += chunkMaxBytes) {
        const part = content.subarray(at, at + chunkMaxBytes);
        await send({ codeFile: { path, mode, content: part } });
      }
    }
    await send({ loadEnd: {} });
  }

  async #sendPayload(payload: Uint8Array): Promise<void> {
    for (let at = chunkMaxBytes; at < payload.length; at += chunkMaxBytes) {
      await this.#runtime.drained();
      const content = payload.subarray(at, at + chunkMaxBytes);
      this.#runtime.send(HostRuntime.encode({ payloadChunk: { content } }).finish());
    }
  }

  #keepLastWords(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString("latin1");
    this.#lastWords = (this.#lastWords + text).slice(-lastWordsMaxBytes);
  }

  #takeControl(message: tidepool.guest.v1.GuestControl): void {
    const { restored, output, flushed, runtimeExited } = message;
    if (output) {
      const stream = output.stream === Stream.STREAM_STDERR ? "stderr" : "stdout";
      const bytes = output.bytes ?? new Uint8Array();
      if (stream === "stderr") this.#keepLastWords(bytes);
      this.#options.onOutput?.(stream, bytes);
    } else if (restored) {
      this.#restored.resolve(restored.templateId ?? "");
    } else if (message.clockSet) {
      this.#clockSet.resolve();
    } else if (flushed) {
      this.#flushed.resolve(flushed.id ?? 0);
    } else if (runtimeExited) {
      this.#end(
        runtimeExitError(
          {
            exitCode: runtimeExited.exitCode ?? 0,
            signal: runtimeExited.signal ?? 0,
            isOutOfMemory: runtimeExited.outOfMemory ?? false,
          },
          this.#lastWords,
          this.#memoryLimitMib,
        ),
      );
    } else {
      throw new Error("a control message of an unknown kind");
    }
  }

  #takeRuntime(message: tidepool.guest.v1.GuestRuntime): void {
    const { loaded, loadFailed, answer, answerStart, answerChunk, answerEnd, invokeFailed } =
      message;
    if (message.pong) {
      this.#pong.resolve();
    } else if (message.rehearsed) {
      this.#rehearsed.resolve();
    } else if (loaded) {
      this.#loaded.resolve({ initUs: loaded.initUs ?? 0 });
    } else if (loadFailed) {
      if (++this.#loadFailedCount > unaskedAnswersMax) throw new Error("loads failed without end");
      const error = thrownError(loadFailed.error, "initFailed");
      for (const slot of [this.#loaded, this.#snapshotReady, this.#restoreDone]) slot.reject(error);
    } else if (message.snapshotReady) {
      this.#snapshotReady.resolve();
    } else if (message.restoreDone) {
      this.#restoreDone.resolve({ initUs: message.restoreDone.runUs ?? 0 });
    } else if (answer) {
      this.#answerPart(() => this.#answer.begin(answer));
    } else if (answerStart) {
      this.#answer.check(answerStart.requestId);
      const head = {
        contentType: answerStart.contentType || contentTypeDefault,
        http: answerStart.http ?? "",
      };
      const streamed = new StreamedAnswer(head, this.#sink, this.#limits);
      this.#streamed = streamed;
      this.#streamPart(() => streamed.start());
    } else if (answerChunk) {
      const streamed = this.#streamed;
      if (streamed === undefined) this.#answerPart(() => this.#answer.add(answerChunk));
      else this.#streamPart(() => streamed.add(answerChunk.content ?? new Uint8Array()));
    } else if (answerEnd) {
      this.#answer.confirm(answerEnd.requestId);
      const result = this.#streamed?.finish(answerEnd.runUs ?? 0);
      if (result === undefined) throw new Error("the end of an answer that was not begun");
      this.#streamed = undefined;
      this.#answered.resolve(result);
    } else if (invokeFailed) {
      const error = thrownError(invokeFailed.error);
      this.#answer.confirm(invokeFailed.requestId);
      this.#streamed = undefined;
      if (invokeFailed.runtimeEnds) this.#end(error);
      else this.#answered.reject(error);
    } else {
      throw new Error("a runtime message of an unknown kind");
    }
  }

  /** An answer over the limit ends the session: the rest of it is still on its way. */
  #answerPart(take: () => InvokeResult | undefined): void {
    try {
      const result = take();
      if (result !== undefined) this.#answered.resolve(result);
    } catch (thrown) {
      if (!(thrown instanceof TidepoolError)) throw thrown;
      this.#end(thrown);
    }
  }

  /** The guest is not read while the sink is busy. One that fails ends the session like an answer over the limit. */
  #streamPart(take: () => Promise<void> | void): void {
    const fail = (thrown: unknown): void => this.#end(TidepoolError.from(thrown));
    try {
      const taking = take();
      if (taking === undefined) return;
      this.#runtime.hold();
      taking.then(() => this.#runtime.release(), fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  async #endWithDomain(): Promise<void> {
    const { detail } = await this.domain.exited;
    const text = `vm ${this.domain.vmId} is gone: ${detail}`;
    this.#end(new TidepoolError("guestCrash", text));
  }

  /** Everything that waits, and the session, ends with the first error. */
  #end(error: TidepoolError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const slots = [
      this.#restored,
      this.#clockSet,
      this.#flushed,
      this.#pong,
      this.#rehearsed,
      this.#loaded,
      this.#snapshotReady,
      this.#restoreDone,
      this.#answered,
    ];
    for (const slot of slots) slot.reject(error);
    this.#settleEnded(error);
  }
}

function timestamp(): { seconds: number; nanos: number } {
  const nowMs = Date.now();
  return { seconds: Math.floor(nowMs / 1000), nanos: (nowMs % 1000) * 1_000_000 };
}
