/**
 * The inside of a simulated VM: init and runtime in one object, speaking the real guest protocol. While the
 * VM is paused it neither reads nor answers nor lets its time pass.
 */
import type { Duplex } from "node:stream";
import { tidepool } from "@tidepool/proto";
import { FrameChannel } from "../guest/frame-channel.ts";
import { behaviourOf, withPayload } from "./behaviour.ts";
import type { Behaviour } from "./behaviour.ts";

const { HostControl, GuestControl, HostRuntime, GuestRuntime, Stream } = tidepool.guest.v1;

const chunkBytes = 64 * 1024;
const answerTooLargeBytes = 7 * 1024 * 1024;
const outOfMemorySignal = 9;

/** What a load leaves in a guest: a template that is taken after it has it too. */
export interface SimulatedLoad {
  readonly handler: string;
  readonly behaviour: Behaviour;
}

export interface SimulatedGuestOptions {
  readonly templateId: string;
  /** Of the template that it is a clone of, when that was taken after a load. */
  readonly loaded?: SimulatedLoad | undefined;
  readonly control: Duplex;
  readonly runtime: Duplex;
  /** Waits so long, and on until the VM runs. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Ends the VM from within. */
  readonly crash: () => void;
}

export class SimulatedGuest {
  private readonly options: SimulatedGuestOptions;
  private readonly control: FrameChannel;
  private readonly runtime: FrameChannel;
  loaded: SimulatedLoad = { handler: "", behaviour: behaviourOf({}) };
  private invoking: { requestId: string; bytesLeft: number; parts: Uint8Array[] } | undefined;
  private hasEnded = false;

  constructor(options: SimulatedGuestOptions) {
    this.options = options;
    if (options.loaded !== undefined) this.loaded = options.loaded;
    this.control = this.open(options.control, (frame) => this.hearControl(frame));
    this.runtime = this.open(options.runtime, (frame) => this.hearRuntime(frame));
  }

  private open(stream: Duplex, hear: (frame: Uint8Array) => Promise<void>): FrameChannel {
    let before = Promise.resolve();
    return new FrameChannel(stream, {
      onFrame: (frame) => {
        before = before.then(async () => {
          await this.options.sleep(0);
          if (!this.hasEnded) await hear(frame);
        });
      },
      onEnd: () => {
        this.hasEnded = true;
      },
    });
  }

  private async hearControl(frame: Uint8Array): Promise<void> {
    const { restore, setClock, flush } = HostControl.decode(frame);
    const { templateId } = this.options;
    if (restore) this.sayControl({ restored: { templateId } });
    else if (setClock) this.sayControl({ clockSet: {} });
    else if (flush) this.sayControl({ flushed: { id: flush.id } });
  }

  private async hearRuntime(frame: Uint8Array): Promise<void> {
    const { ping, rehearse, load, loadEnd, invoke, payloadChunk, ...rest } =
      HostRuntime.decode(frame);
    if (ping) this.say({ pong: { id: ping.id, runtime: "simulated" } });
    if (rehearse) this.say({ rehearsed: {} });
    else if (rest.beforeSnapshot || rest.freeze) this.say({ snapshotReady: {} });
    else if (rest.afterRestore) this.say({ restoreDone: { runUs: 0 } });
    else if (load) {
      this.loaded = { handler: load.handler, behaviour: behaviourOf(load.environment) };
    } else if (loadEnd) await this.load();
    else if (invoke) {
      const { requestId, payloadBytes } = invoke;
      this.invoking = { requestId, bytesLeft: payloadBytes, parts: [] };
      this.take(invoke.payload);
    } else if (payloadChunk) this.take(payloadChunk.content);
  }

  private async load(): Promise<void> {
    const { handler, behaviour } = this.loaded;
    const { loadMs, failure } = behaviour;
    await this.options.sleep(loadMs);
    if (failure === "loadHang") return;
    if (handler.endsWith(".missing")) {
      this.say({ loadFailed: { error: thrown(`handler '${handler}' is not exported`) } });
    } else if (failure === "load") {
      this.say({ loadFailed: { error: thrown("simulated failure of the module") } });
    } else {
      this.say({ loaded: { initUs: Math.round(loadMs * 1000) } });
    }
  }

  private take(part: Uint8Array): void {
    const { invoking } = this;
    if (invoking === undefined) return;
    invoking.parts.push(part);
    invoking.bytesLeft -= part.length;
    if (invoking.bytesLeft > 0) return;
    this.invoking = undefined;
    // Beside the reading of frames, as a handler beside its runtime.
    void this.invoke(invoking.requestId, Buffer.concat(invoking.parts));
  }

  private async invoke(requestId: string, payload: Uint8Array): Promise<void> {
    const { runMs, failure, streamBytes } = withPayload(this.loaded.behaviour, payload);
    await this.options.sleep(runMs);
    const runUs = Math.round(runMs * 1000);
    if (streamBytes > 0) await this.stream(requestId, streamBytes);
    if (streamBytes > 0 && failure === undefined) {
      return this.say({ answerEnd: { requestId, runUs } });
    }
    switch (failure) {
      case undefined:
      case "load":
      case "loadHang":
        return this.answer(requestId, payload, runUs);
      case "answer":
        return this.answer(requestId, Buffer.alloc(answerTooLargeBytes, 0x20), runUs);
      case "throw": {
        const error = thrown("simulated failure");
        return this.say({ invokeFailed: { requestId, error, runUs } });
      }
      case "exit":
        return this.sayControl({ runtimeExited: { exitCode: 1, signal: 0, outOfMemory: false } });
      case "oom":
        return this.sayControl({
          runtimeExited: { exitCode: 0, signal: outOfMemorySignal, outOfMemory: true },
        });
      case "output":
        return this.printForEver();
      case "crash":
        return this.options.crash();
      case "hang":
        return;
    }
  }

  private async printForEver(): Promise<void> {
    const bytes = Buffer.alloc(chunkBytes, "simulated output\n");
    while (!this.hasEnded) {
      this.sayControl({ output: { stream: Stream.STREAM_STDOUT, bytes } });
      await this.control.drained();
      await this.options.sleep(0);
    }
  }

  private async answer(requestId: string, payload: Uint8Array, runUs: number): Promise<void> {
    this.sayControl({
      output: {
        stream: Stream.STREAM_STDOUT,
        bytes: Buffer.from(`echo ${payload.length} bytes\n`),
      },
    });
    const first = payload.subarray(0, chunkBytes);
    this.say({ answer: { requestId, payloadBytes: payload.length, payload: first, runUs } });
    for (let at = chunkBytes; at < payload.length; at += chunkBytes) {
      await this.runtime.drained();
      this.say({ answerChunk: { content: payload.subarray(at, at + chunkBytes) } });
    }
  }

  private async stream(requestId: string, streamBytes: number): Promise<void> {
    this.say({ answerStart: { requestId, contentType: "text/plain", http: '{"statusCode":200}' } });
    for (let at = 0; at < streamBytes && !this.hasEnded; at += chunkBytes) {
      const content = Buffer.alloc(Math.min(chunkBytes, streamBytes - at), "simulated answer\n");
      this.say({ answerChunk: { content } });
      await this.runtime.drained();
      await this.options.sleep(0);
    }
  }

  private say(message: tidepool.guest.v1.GuestRuntime.$Properties): void {
    this.runtime.send(GuestRuntime.encode(message).finish());
  }

  private sayControl(message: tidepool.guest.v1.GuestControl.$Properties): void {
    this.control.send(GuestControl.encode(message).finish());
  }
}

function thrown(message: string): tidepool.guest.v1.FunctionError.$Properties {
  return { name: "Error", message, stack: `Error: ${message}\n    at simulated` };
}
