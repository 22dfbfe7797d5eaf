/**
 * A streamed answer on its way to the frontend: no more of it is sent than the frontend has made room for.
 * While it waits for room its guest is not read, which holds the function back.
 */
import { TidepoolError } from "@tidepool/common";
import { streamWindowBytes } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { AnswerSink } from "../guest/session.ts";
import type { Start } from "../invocations/invocation.ts";
import { chunkMaxBytes } from "./limits.ts";
import { beginMessage } from "./wire.ts";

export class OutgoingAnswer {
  private readonly callId: number;
  private readonly send: (message: tidepool.internal.v1.HostMessage.$Properties) => Promise<void>;
  private roomBytes = streamWindowBytes;
  private hasEnded = false;
  /** The one part that waits for room. */
  private waiting:
    { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  constructor(callId: number, send: OutgoingAnswer["send"]) {
    this.callId = callId;
    this.send = send;
  }

  from(start: Start): AnswerSink {
    return {
      onStart: (head) => this.send(beginMessage(this.callId, head, start)),
      onChunk: (bytes) => this.sendAll(bytes),
    };
  }

  /** The frontend has taken so many bytes more. */
  addRoom(bytes: number): void {
    this.roomBytes = Math.min(streamWindowBytes, this.roomBytes + bytes);
    this.waiting?.resolve();
    this.waiting = undefined;
  }

  /** The call is over: nothing waits any more. */
  end(): void {
    this.hasEnded = true;
    this.waiting?.reject(ended());
    this.waiting = undefined;
  }

  private async sendAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += chunkMaxBytes) {
      const content = bytes.subarray(at, at + chunkMaxBytes);
      while (this.roomBytes < content.length) await this.moreRoom();
      if (this.hasEnded) throw ended();
      this.roomBytes -= content.length;
      await this.send({ chunk: { callId: this.callId, content } });
    }
  }

  private moreRoom(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.hasEnded) return reject(ended());
      this.waiting = { resolve, reject };
    });
  }
}

function ended(): TidepoolError {
  return new TidepoolError("cancelled", "the call of the answer has ended");
}
