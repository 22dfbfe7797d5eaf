/** What hosts and the scheduler tell of themselves, put into the table of idle VMs and the picture of the pools. */
import type { Bus, Stoppable } from "@tidepool/actors";
import type { Clock, Logger } from "@tidepool/common";
import { fromTimestamp, subjects, tidepool } from "@tidepool/proto";
import type { HostsView } from "../fleet/hosts-view.ts";
import type { PoolsView } from "../pools/pools-view.ts";
import type { SeenFact, SeenHeartbeat, VmTable } from "../routing/vm-table.ts";

export interface FleetNewsOptions {
  readonly bus: Bus;
  readonly table: VmTable;
  readonly pools: PoolsView;
  readonly hostsView: HostsView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly forgetHost: (hostId: string) => void;
}

const { HostHeartbeat, VmFact, WarmingTargets } = tidepool.internal.v1;
const silenceCheckMs = 1_000;

export class FleetNews implements Stoppable {
  private readonly options: FleetNewsOptions;
  private readonly logger: Logger;
  private subscriptions: Stoppable[] = [];
  private timer: NodeJS.Timeout | undefined;
  private readonly waiting = new Set<() => void>();

  constructor(options: FleetNewsOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "fleet news" });
  }

  start(): void {
    const { bus, table, pools, hostsView, clock } = this.options;
    this.subscriptions = [
      bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, (heartbeat) => {
        table.heartbeat(parseHeartbeat(heartbeat), clock.nowMs());
        pools.heartbeat(heartbeat, clock.nowMs());
        hostsView.heartbeat(heartbeat, clock.nowMs());
        this.tell();
      }),
      bus.subscribe(subjects.allVmFacts, VmFact, (fact) => {
        table.fact(parseFact(fact), clock.nowMs());
      }),
      bus.subscribe(subjects.warmingTargets, WarmingTargets, (targets) => {
        pools.warmingTargets(targets);
        this.tell();
      }),
    ];
    this.timer = setInterval(() => this.forgetSilent(), silenceCheckMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.tell();
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
  }

  /** Resolves at the next change of the pools, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
    });
  }

  private tell(): void {
    for (const done of this.waiting) done();
  }

  private forgetSilent(): void {
    const { bus, table, clock, forgetHost } = this.options;
    if (!bus.isConnected) {
      table.forgiveSilence(clock.nowMs());
      return;
    }
    const silent = table.forgetSilent(clock.nowMs());
    for (const hostId of silent) {
      this.logger.warn("host is silent", { hostId });
      forgetHost(hostId);
    }
    if (silent.length > 0) this.tell();
  }
}

function parseHeartbeat(heartbeat: tidepool.internal.v1.HostHeartbeat.$Properties): SeenHeartbeat {
  return {
    hostId: heartbeat.hostId ?? "",
    address: heartbeat.address ?? "",
    isDraining: heartbeat.isDraining ?? false,
    isDrained: heartbeat.isDrained ?? false,
    atMs: fromTimestamp(heartbeat.at) ?? 0,
    functions: (heartbeat.functions ?? []).map(({ name = "", version = "", idle = 0 }) => ({
      name,
      version,
      idle,
    })),
  };
}

function parseFact(fact: tidepool.internal.v1.VmFact.$Properties): SeenFact {
  const { hostId = "", vmId = "", phase = "", functionName = "", version = "" } = fact;
  return { hostId, vmId, phase, functionName, version, atMs: fromTimestamp(fact.at) ?? 0 };
}
