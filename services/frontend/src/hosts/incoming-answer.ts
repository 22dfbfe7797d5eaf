/**
 * A streamed answer as it comes from a host, on its way to one sink: in order, one part at a time. Each part
 * that the sink has taken makes room for another, so that never more than the window waits here.
 */
import { TidepoolError } from "@tidepool/common";
import { streamWindowBytes } from "@tidepool/proto";
import type { AnswerSink } from "../ports.ts";
import type { AnswerBegin } from "./host-message.ts";

/** Room is announced when so much of the window has been taken: not for each part. */
const creditMinBytes = streamWindowBytes / 4;

export class IncomingAnswer {
  private readonly sink: AnswerSink;
  private readonly giveCredit: (bytes: number) => void;
  private readonly onFailure: (error: TidepoolError) => void;
  private last: Promise<void> = Promise.resolve();
  private waitingBytes = 0;
  private takenBytes = 0;
  private hasEnded = false;

  /** @param onFailure the sink has failed, or the host sends more than it may: the call is to be ended */
  constructor(
    begin: AnswerBegin,
    sink: AnswerSink,
    giveCredit: (bytes: number) => void,
    onFailure: (error: TidepoolError) => void,
  ) {
    this.sink = sink;
    this.giveCredit = giveCredit;
    this.onFailure = onFailure;
    sink.begin(begin.contentType, begin.metadata);
  }

  add(part: Uint8Array): void {
    this.waitingBytes += part.byteLength;
    if (this.waitingBytes > streamWindowBytes) {
      const text = `the host sent more of an answer than the ${streamWindowBytes} bytes it had room for`;
      return this.onFailure(new TidepoolError("internal", text, { component: "host" }));
    }
    this.last = this.last.then(() => this.pass(part));
    this.last.catch((error: unknown) => this.onFailure(TidepoolError.from(error)));
  }

  /** The call has ended: nothing more goes to the sink. */
  stop(): void {
    this.hasEnded = true;
  }

  /** Resolves when the sink has had all that came. */
  async written(): Promise<void> {
    await this.last;
  }

  private async pass(part: Uint8Array): Promise<void> {
    if (this.hasEnded) return;
    await this.sink.write(part);
    this.waitingBytes -= part.byteLength;
    this.takenBytes += part.byteLength;
    if (this.takenBytes < creditMinBytes) return;
    this.giveCredit(this.takenBytes);
    this.takenBytes = 0;
  }
}
