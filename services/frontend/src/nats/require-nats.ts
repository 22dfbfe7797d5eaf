/** A request to JetStream would wait for a server that has gone: it is refused at once instead. */
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";

/** @throws TidepoolError `unavailable` */
export function requireNats(bus: Pick<Bus, "isConnected">, what: string): void {
  if (bus.isConnected) return;
  throw new TidepoolError("unavailable", `${what} failed: the NATS connection is lost`, {
    reason: "natsAway",
  });
}
