/**
 * A host that answers orders as a host-agent does, with heartbeats, but has no VMs: what the scheduler
 * orders is kept for the test to look at.
 */
import type { Bus, Stoppable } from "@tidepool/actors";
import { systemClock } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { fromTimestamp, subjects, tidepool, toTimestamp } from "@tidepool/proto";

const { internal } = tidepool;

export interface TestAssign {
  readonly atMs: number;
  readonly epoch: number;
  readonly name: string;
  readonly version: string;
  readonly assignmentId: string;
  readonly requestId: string;
  readonly windowStartAtMs: number | undefined;
  readonly windowEndAtMs: number | undefined;
}

export interface TestKeep {
  readonly atMs: number;
  readonly name: string;
  readonly count: number;
  readonly keepUntilMs: number;
}

const beatEveryMs = 1_000;
/** From an order to a VM that is ready, as it tells. */
export const prepareP95Ms = 60;

/** Answers assign and keep, and tells of itself; a VM is idle as soon as it is assigned. */
export class TestHost {
  readonly assigns: TestAssign[] = [];
  readonly keeps: TestKeep[] = [];
  readonly idle = new Map<string, number>(); // name@version → VMs
  /** Heartbeats that it has sent. */
  beatCount = 0;
  private readonly bus: Bus;
  private readonly hostId: string;
  private readonly clock: Clock;
  private readonly parts: Stoppable[];
  private readonly stopping = new AbortController();
  private readonly releases = new Map<string, AbortController>();

  constructor(bus: Bus, hostId = "h-1", clock = systemClock) {
    this.bus = bus;
    this.hostId = hostId;
    this.clock = clock;
    this.parts = [
      bus.serve(
        "assign VM",
        subjects.assignVm(hostId),
        internal.v1.AssignRequest,
        internal.v1.AssignReply,
        (request) => Promise.resolve(this.assign(request)),
      ),
      bus.serve(
        "keep VMs",
        subjects.keepVms(hostId),
        internal.v1.KeepRequest,
        internal.v1.Ack,
        (request) => {
          this.keep(request);
          return Promise.resolve(internal.v1.Ack.create({}));
        },
      ),
    ];
    void this.beatOn();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    for (const release of this.releases.values()) release.abort();
    await Promise.all(this.parts.map((part) => part.stop()));
  }

  idleCount(name: string, version = "1"): number {
    return this.idle.get(`${name}@${version}`) ?? 0;
  }

  beat(): void {
    this.beatCount += 1;
    const functions = [...this.idle].map(([key, idle]) => {
      const [name, version] = key.split("@");
      return { name: name ?? "", version: version ?? "", idle, busy: 0, loading: 0 };
    });
    this.bus.publish(
      subjects.hostHeartbeat(this.hostId),
      internal.v1.HostHeartbeat,
      internal.v1.HostHeartbeat.create({
        hostId: this.hostId,
        at: toTimestamp(this.clock.nowMs()),
        address: "127.0.0.1:7000",
        memoryMib: 8_192,
        vmCountMax: 32,
        pools: [{ runtime: "nodejs20", memoryMib: 128, ready: 4, prepareP95Ms }],
        functions,
      }),
    );
  }

  private async beatOn(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.beat();
      await this.sleep(beatEveryMs, this.stopping.signal);
    }
  }

  private assign(
    request: tidepool.internal.v1.AssignRequest.$Properties,
  ): tidepool.internal.v1.AssignReply {
    const { function: version, window, requestId = "", epoch = 0, assignmentId = "" } = request;
    const name = version?.name ?? "";
    const key = `${name}@${version?.version}`;
    this.assigns.push({
      atMs: this.clock.nowMs(),
      epoch,
      name,
      version: version?.version ?? "",
      assignmentId,
      requestId,
      windowStartAtMs: fromTimestamp(window?.startAt),
      windowEndAtMs: fromTimestamp(window?.endAt),
    });
    this.idle.set(key, (this.idle.get(key) ?? 0) + 1);
    this.beat();
    const keepUntilMs = fromTimestamp(request.keepUntil);
    if (keepUntilMs !== undefined) void this.releaseAt(name, keepUntilMs);
    return internal.v1.AssignReply.create({ vmId: `vm-${this.assigns.length}` });
  }

  private keep(request: tidepool.internal.v1.KeepRequest.$Properties): void {
    const { functionName = "", count = 0 } = request;
    const keepUntilMs = fromTimestamp(request.keepUntil) ?? 0;
    this.keeps.push({ atMs: this.clock.nowMs(), name: functionName, count, keepUntilMs });
    void this.releaseAt(functionName, keepUntilMs);
  }

  /** Late by nothing: VMs go at the instant that was named last. */
  private async releaseAt(name: string, atMs: number): Promise<void> {
    this.releases.get(name)?.abort();
    const release = new AbortController();
    this.releases.set(name, release);
    await this.sleep(Math.max(0, atMs - this.clock.nowMs()), release.signal);
    if (release.signal.aborted) return;
    for (const key of this.idle.keys()) {
      if (key.startsWith(`${name}@`)) this.idle.delete(key);
    }
    this.beat();
  }

  private sleep(ms: number, signal: AbortSignal): Promise<void> {
    return this.clock.sleep(ms, signal).catch(() => {}); // the signal says so
  }
}
