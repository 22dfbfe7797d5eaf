/** Orders to hosts over the bus. */
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import type { AssignOrder, CallWindow, FloorOrder, HostCommands, KeepOrder } from "../ports.ts";

const { Ack, AssignReply, AssignRequest, KeepRequest } = tidepool.internal.v1;

/** Longest a host may take to note what it is to keep. */
export const keepTimeoutMs = 2_000;

export class NatsHostCommands implements HostCommands {
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  async assign(hostId: string, order: AssignOrder, timeoutMs: number): Promise<string> {
    const message = AssignRequest.create({
      ...order.lease,
      assignmentId: order.assignmentId,
      function: order.function.wire,
      requestId: order.requestId,
      ...(order.window === undefined ? {} : { window: windowToWire(order.window) }),
      keepUntil: toTimestamp(order.keepUntilMs),
    });
    const reply = await this.bus.request(
      "assign VM",
      subjects.assignVm(hostId),
      { codec: AssignRequest, message },
      AssignReply,
      { timeoutMs },
    );
    if (!reply.vmId) throw new TidepoolError("internal", `host ${hostId} assigned no VM`);
    return reply.vmId;
  }

  async keep(hostId: string, order: KeepOrder): Promise<void> {
    const message = KeepRequest.create({
      ...order.lease,
      functionName: order.functionName,
      count: order.count,
      keepUntil: toTimestamp(order.keepUntilMs),
      sentAt: toTimestamp(order.sentAtMs),
      version: order.version,
      ...(order.window === undefined ? {} : { window: windowToWire(order.window) }),
    });
    await this.sendKeep(hostId, message);
  }

  async floor(hostId: string, order: FloorOrder): Promise<void> {
    const { lease, functionName, version, count, untilMs, sentAtMs } = order;
    const message = KeepRequest.create({
      ...lease,
      functionName,
      version,
      floorCount: count,
      floorUntil: toTimestamp(untilMs),
      sentAt: toTimestamp(sentAtMs),
    });
    await this.sendKeep(hostId, message);
  }

  private async sendKeep(
    hostId: string,
    message: tidepool.internal.v1.KeepRequest.$Properties,
  ): Promise<void> {
    await this.bus.request(
      "keep VMs",
      subjects.keepVms(hostId),
      { codec: KeepRequest, message: KeepRequest.create(message) },
      Ack,
      { timeoutMs: keepTimeoutMs },
    );
  }
}

export function windowToWire(window: CallWindow): tidepool.v1.Window.$Properties {
  return {
    startAt: toTimestamp(window.startAtMs),
    endAt: toTimestamp(window.endAtMs),
    expectedAt: toTimestamp(window.expectedAtMs),
    count: window.count,
    degree: window.degree,
  };
}
