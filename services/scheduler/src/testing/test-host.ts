/**
 * A host that answers orders as a host-agent does, with heartbeats, but has no VMs: what the scheduler
 * orders is kept for the test to look at.
 */
import type { Bus, Stoppable } from "@tidepool/actors";
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
  readonly name: string;
  readonly count: number;
  readonly keepUntilMs: number;
}

/** Answers assign and keep, and tells of itself; a VM is idle as soon as it is assigned. */
export class TestHost {
  readonly assigns: TestAssign[] = [];
  readonly keeps: TestKeep[] = [];
  readonly idle = new Map<string, number>(); // name@version → VMs
  private readonly bus: Bus;
  private readonly hostId: string;
  private readonly parts: Stoppable[];
  private readonly timer: NodeJS.Timeout;

  constructor(bus: Bus, hostId = "h-1") {
    this.bus = bus;
    this.hostId = hostId;
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
    this.timer = setInterval(() => this.beat(), 1_000);
    this.beat();
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.parts.map((part) => part.stop()));
  }

  beat(): void {
    const functions = [...this.idle].map(([key, idle]) => {
      const [name, version] = key.split("@");
      return { name: name ?? "", version: version ?? "", idle, busy: 0, loading: 0 };
    });
    this.bus.publish(
      subjects.hostHeartbeat(this.hostId),
      internal.v1.HostHeartbeat,
      internal.v1.HostHeartbeat.create({
        hostId: this.hostId,
        at: toTimestamp(Date.now()),
        address: "127.0.0.1:7000",
        memoryMib: 4_096,
        vmCountMax: 16,
        pools: [{ runtime: "nodejs20", memoryMib: 128, ready: 4, prepareP95Ms: 60 }],
        functions,
      }),
    );
  }

  private assign(
    request: tidepool.internal.v1.AssignRequest.$Properties,
  ): tidepool.internal.v1.AssignReply {
    const { function: version, window, requestId = "", epoch = 0, assignmentId = "" } = request;
    const key = `${version?.name}@${version?.version}`;
    this.assigns.push({
      atMs: Date.now(),
      epoch,
      name: version?.name ?? "",
      version: version?.version ?? "",
      assignmentId,
      requestId,
      windowStartAtMs: fromTimestamp(window?.startAt),
      windowEndAtMs: fromTimestamp(window?.endAt),
    });
    this.idle.set(key, (this.idle.get(key) ?? 0) + 1);
    this.beat();
    return internal.v1.AssignReply.create({ vmId: `vm-${this.assigns.length}` });
  }

  /** Late by nothing: a VM goes at the instant that was named. */
  private keep(request: tidepool.internal.v1.KeepRequest.$Properties): void {
    const { functionName = "", count = 0 } = request;
    const keepUntilMs = fromTimestamp(request.keepUntil) ?? 0;
    this.keeps.push({ name: functionName, count, keepUntilMs });
    setTimeout(
      () => {
        for (const key of this.idle.keys()) {
          if (key.startsWith(`${functionName}@`)) this.idle.delete(key);
        }
        this.beat();
      },
      Math.max(0, keepUntilMs - Date.now()),
    ).unref();
  }
}
