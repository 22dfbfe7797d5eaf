/** Facts, heartbeats and logs as events on the bus. */
import type { Bus } from "@tidepool/actors";
import { subjects, tidepool } from "@tidepool/proto";
import type { Announcements } from "../ports.ts";

const { VmFact, HostHeartbeat } = tidepool.internal.v1;

export function announceOnBus(bus: Bus, hostId: string): Announcements {
  return {
    fact: (fact) => bus.publish(subjects.vmFact(hostId), VmFact, fact),
    heartbeat: (heartbeat) => bus.publish(subjects.hostHeartbeat(hostId), HostHeartbeat, heartbeat),
  };
}
