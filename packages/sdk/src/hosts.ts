/** The hosts of a system, for its operator: which there are, and which are to get no work. */
import { fromTimestamp, tidepool, tidepoolService } from "@tidepool/proto";
import type { Caller } from "./caller.ts";
import type { CallLimits } from "./transport.ts";

/** `draining`: it has VMs still; `drained`: it has none, and gets none. */
export type HostState = "ready" | "draining" | "drained" | "stopping" | "silent" | "unknown";

export interface HostDescription {
  readonly hostId: string;
  readonly state: HostState;
  /** host:port, as frontends reach it; "" when it was not heard. */
  readonly address: string;
  readonly hypervisor: string;
  readonly accelerator: string;
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  /** Virtual CPUs that its VMs may have together; 0: not limited. */
  readonly vcpuCount: number;
  readonly vcpuUsed: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
  /** VMs with a call in them. */
  readonly busyCount: number;
  /** Undefined while it is not drained. */
  readonly drainedAtMs: number | undefined;
  /** Undefined when the frontend that answers has not heard it. */
  readonly heardAtMs: number | undefined;
  /** Its VMs may have a network, where their function asks for one. */
  readonly offersInternet: boolean;
}

export class HostsClient {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** By id: those heard within the last minutes, and those that are drained. */
  async list(limits: CallLimits = {}): Promise<readonly HostDescription[]> {
    const { hosts } = await this.caller.read(tidepoolService.listHosts, {}, limits);
    return (hosts ?? []).map(parseHost);
  }

  /**
   * Gives it no more work; it stays so until undrain. Its VMs go as others stand elsewhere and calls end: see
   * `list`. Repeating it changes nothing. @throws TidepoolError `notFound`
   */
  async drain(hostId: string, limits: CallLimits = {}): Promise<HostDescription> {
    return parseHost(await this.caller.read(tidepoolService.drainHost, { hostId }, limits));
  }

  /** Repeating it changes nothing. @throws TidepoolError `notFound` */
  async undrain(hostId: string, limits: CallLimits = {}): Promise<HostDescription> {
    return parseHost(await this.caller.read(tidepoolService.undrainHost, { hostId }, limits));
  }
}

const { HostState: wireState } = tidepool.v1;
const states: ReadonlyMap<number, HostState> = new Map([
  [wireState.HOST_STATE_READY, "ready"],
  [wireState.HOST_STATE_DRAINING, "draining"],
  [wireState.HOST_STATE_DRAINED, "drained"],
  [wireState.HOST_STATE_STOPPING, "stopping"],
  [wireState.HOST_STATE_SILENT, "silent"],
]);

function parseHost(wire: tidepool.v1.Host.$Properties): HostDescription {
  return {
    hostId: wire.hostId ?? "",
    state: states.get(wire.state ?? 0) ?? "unknown",
    address: wire.address ?? "",
    hypervisor: wire.hypervisor ?? "",
    accelerator: wire.accelerator ?? "",
    memoryMib: wire.memoryMib ?? 0,
    memoryUsedMib: wire.memoryUsedMib ?? 0,
    vcpuCount: wire.vcpuCount ?? 0,
    vcpuUsed: wire.vcpuUsed ?? 0,
    vmCount: wire.vmCount ?? 0,
    vmCountMax: wire.vmCountMax ?? 0,
    busyCount: wire.busyCount ?? 0,
    drainedAtMs: fromTimestamp(wire.drainedAt),
    heardAtMs: fromTimestamp(wire.heardAt),
    offersInternet: wire.offersInternet ?? false,
  };
}
