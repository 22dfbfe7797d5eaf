/** What frontends say of accepted calls: to each other, and to the subjects that owners named. */
import { headers } from "@nats-io/nats-core";
import type { Bus, Stoppable } from "@tidepool/actors";
import { subjects, tidepool } from "@tidepool/proto";
import type { CancelNews, EventPublisher } from "../async/ports.ts";
import { storeTimeoutMs } from "../limits.ts";
import { requireNats } from "./require-nats.ts";
import { within } from "./store-failure.ts";

const { CancelInvocationRequest } = tidepool.v1;

export class NatsCancelNews implements CancelNews {
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  announce(requestId: string): void {
    this.bus.publish(subjects.invocationCancelled, CancelInvocationRequest, { requestId });
  }

  hear(receive: (requestId: string) => void): Stoppable {
    return this.bus.subscribe(
      subjects.invocationCancelled,
      CancelInvocationRequest,
      ({ requestId }) => receive(requestId ?? ""),
    );
  }
}

/** In structured mode of the CloudEvents binding for NATS; the id also lets a stream drop a repetition. */
export class NatsEvents implements EventPublisher {
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  async publish(subject: string, id: string, event: Uint8Array, hops: number): Promise<void> {
    const what = `publishing an event to '${subject}'`;
    requireNats(this.bus, what);
    const { connection } = this.bus;
    const outgoing = headers();
    outgoing.set("content-type", "application/cloudevents+json");
    outgoing.set("Nats-Msg-Id", id);
    outgoing.set(subjects.natsHeaders.hops, String(hops));
    connection.publish(subject, event, { headers: outgoing });
    await within(what, storeTimeoutMs, connection.flush());
  }
}
