/** What a host tells of itself each second, and whenever it changes. */
import type { VmConfig } from "../ports.ts";

export interface Heartbeat {
  readonly hostId: string;
  readonly address: string;
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  readonly vmCount: number;
  readonly vmCountMax: number;
  /** Absent from hosts of earlier versions, as are those that follow. */
  readonly vcpuCount?: number;
  readonly vcpuUsed?: number;
  /** What a VM takes of memory beside its function's. */
  readonly vmOverheadMib?: number;
  /** Its VMs may have a network. */
  readonly offersInternet?: boolean;
  /** Code on its disk: eight bytes of each digest, the newest first. */
  readonly code?: Uint8Array;
  readonly isDraining: boolean;
  readonly pools: readonly HostPool[];
  readonly functions: readonly HostFunction[];
}

export interface HostPool extends VmConfig {
  readonly ready: number;
  /** 0 before anything was prepared. */
  readonly prepareP95Ms: number;
  readonly hasTemplate?: boolean;
}

export interface HostFunction {
  readonly name: string;
  readonly version: string;
  readonly idle: number;
  readonly busy: number;
  readonly loading: number;
}
