/**
 * What follows the end of a call: a dead letter when it failed, and its destination. Done after the end was
 * written and before its work is out of the queue, so that a frontend that ends in between leaves it to
 * another; each effect may therefore happen twice, and is the same then.
 */
import { createHash } from "node:crypto";
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { payloadMaxBytes } from "../limits.ts";
import type { CallToAccept } from "./accept.ts";
import { resultOf } from "./async-calls.ts";
import type { Acceptance } from "./async-calls.ts";
import type { AcceptedCall, Destination } from "./call.ts";
import { cloudEvent, eventId } from "./cloud-event.ts";
import type { EndedCall } from "./cloud-event.ts";
import { eventMaxBytes } from "./limits.ts";
import type { DeadLetterStore, EventPublisher, PartStore } from "./ports.ts";

export interface SettlerOptions {
  readonly accept: (call: CallToAccept) => Promise<Acceptance>;
  readonly deadLetters: Pick<DeadLetterStore, "put">;
  readonly events: EventPublisher;
  readonly parts: PartStore;
  readonly logger: Logger;
}

export class Settler {
  private readonly options: SettlerOptions;

  constructor(options: SettlerOptions) {
    this.options = options;
  }

  /** @throws TidepoolError when it is to be tried again */
  async settle(call: AcceptedCall, payload: Uint8Array): Promise<void> {
    const { status, onSuccess, onFailure } = call;
    if (status === "failed" || status === "expired") {
      await this.options.deadLetters.put({ call, payload });
      if (onFailure !== undefined) await this.tell(onFailure, call, payload);
    } else if (status === "succeeded" && onSuccess !== undefined) {
      await this.tell(onSuccess, call, payload);
    }
  }

  /** A destination that can never be told must not hold the call for ever: it is logged, and told nothing. */
  private async tell(
    destination: Destination,
    call: AcceptedCall,
    payload: Uint8Array,
  ): Promise<void> {
    try {
      const { parts } = this.options;
      const response = call.status === "succeeded" ? await resultOf(call, parts) : undefined;
      await this.send(destination, { call, payload, response });
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.retryable) throw error;
      const { requestId, functionName } = call;
      this.options.logger.warn("destination not told", {
        requestId,
        functionName,
        destination,
        error: messageOf(error),
      });
    }
  }

  private async send(destination: Destination, ended: EndedCall): Promise<void> {
    const id = eventId(ended.call);
    if (destination.kind === "subject") {
      const event = cloudEvent(ended, eventMaxBytes);
      return this.options.events.publish(destination.subject, id, event, ended.call.hops + 1);
    }
    await this.options.accept({
      name: destination.name,
      requestId: followingId(id),
      payload: cloudEvent(ended, payloadMaxBytes),
      hops: ended.call.hops + 1,
    });
  }
}

/** The id of the call that follows another: always the same, so that it is accepted once. */
export function followingId(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 32);
}
