/** What the hosts of a cluster tell of their VMs, as a scheduler hears it. */
import { connectBus } from "@tidepool/actors";
import type { Cluster } from "@tidepool/cli";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";

type Heartbeat = tidepool.internal.v1.HostHeartbeat.$Properties;

export interface SeenHosts {
  /** Of the newest heartbeat of each host. */
  readonly heartbeats: ReadonlyMap<string, Heartbeat>;
  /** Idle VMs of a function, by host; hosts without any are left out. */
  idle(functionName: string): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

export async function watchHosts(cluster: Cluster): Promise<SeenHosts> {
  const bus = await connectBus({
    servers: cluster.natsUrl,
    name: "test",
    component: "client",
    logger: silentLogger,
    tls: cluster.tls,
  });
  const heartbeats = new Map<string, Heartbeat>();
  const { HostHeartbeat } = tidepool.internal.v1;
  bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, (heartbeat) => {
    heartbeats.set(heartbeat.hostId ?? "", heartbeat);
  });
  return {
    heartbeats,
    idle(functionName) {
      const found: Record<string, number> = {};
      for (const [hostId, { functions }] of heartbeats) {
        const idle = (functions ?? [])
          .filter(({ name }) => name === functionName)
          .reduce((sum, each) => sum + (each.idle ?? 0), 0);
        if (idle > 0) found[hostId] = idle;
      }
      return found;
    },
    stop: () => bus.close(),
  };
}
