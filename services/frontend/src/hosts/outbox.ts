/**
 * What waits to go down one host's stream. Starts and cancels go before further parts of payloads, and
 * payloads under way take turns part by part: a large one never holds up a small one. Pure.
 */
import { assert } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import { chunkMaxBytes } from "../limits.ts";

type Message = tidepool.internal.v1.FrontendMessage.$Properties;

interface Rest {
  readonly callId: number;
  readonly payload: Uint8Array;
  offset: number;
}

export class Outbox {
  private readonly first: Message[] = [];
  /** In turn: the first is sent next and goes to the end. */
  private readonly rests: Rest[] = [];

  /** @param invoke without its payload */
  start(invoke: tidepool.internal.v1.InvokeStart.$Properties, payload: Uint8Array): void {
    const callId = invoke.callId ?? 0;
    assert(callId > 0, "a call has an id");
    this.first.push({
      invoke: {
        ...invoke,
        payloadBytes: payload.byteLength,
        payload: payload.subarray(0, chunkMaxBytes),
      },
    });
    if (payload.byteLength > chunkMaxBytes) {
      this.rests.push({ callId, payload, offset: chunkMaxBytes });
    }
  }

  /** Drops what is left of the call's payload and tells the host. */
  cancel(callId: number): void {
    const at = this.rests.findIndex((rest) => rest.callId === callId);
    if (at >= 0) this.rests.splice(at, 1);
    this.first.push({ cancel: { callId } });
  }

  /** Room for so many more bytes of the call's answer. */
  credit(callId: number, bytes: number): void {
    this.first.push({ credit: { callId, bytes } });
  }

  ping(streamId: string): void {
    this.first.push({ ping: { streamId } });
  }

  /** The next message, or undefined when nothing waits. */
  next(): Message | undefined {
    return this.first.shift() ?? this.nextChunk();
  }

  private nextChunk(): Message | undefined {
    const rest = this.rests.shift();
    if (rest === undefined) return undefined;
    const { callId, payload, offset } = rest;
    const content = payload.subarray(offset, offset + chunkMaxBytes);
    rest.offset += content.byteLength;
    if (rest.offset < payload.byteLength) this.rests.push(rest);
    return { chunk: { callId, content } };
  }
}
