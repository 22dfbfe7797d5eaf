/** A VM as plain data: what decisions about VMs see of it. */
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import type { VmPhase } from "./phases.ts";

export interface VmView {
  readonly vmId: string;
  readonly phase: VmPhase;
  readonly config: VmConfig;
  readonly functionName: string | undefined;
  readonly version: string | undefined;
  /** A call has it, or it is reserved for one. */
  readonly isSpokenFor: boolean;
  /** It was assigned for a call, not for a window. */
  readonly isForCall: boolean;
  readonly isPaused: boolean;
  /** It holds nothing of the host yet. */
  readonly isWaitingForRoom: boolean;
  /** Its owner wants it to wait: it is not evicted. */
  readonly isProvisioned: boolean;
  readonly createdAtMs: number;
  /** 0 while it has no owner. */
  readonly assignedAtMs: number;
  /** When it was assigned, or a call last took it. */
  readonly usedAtMs: number;
  /** Since when it waits with its owner's code; undefined while it does not. */
  readonly idleSinceMs: number | undefined;
  readonly callCount: number;
  readonly keepUntilMs: number;
  /** When it is expected to be of use again. */
  readonly nextUseAtMs: number;
}
