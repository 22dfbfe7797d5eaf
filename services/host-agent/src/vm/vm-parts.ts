/** What a VM is given: what all of its host share, whose it is to be, and where it comes from. */
import type { Clock, Logger } from "@tidepool/common";
import type { VmRecord, VmRecords } from "../adoption/vm-records.ts";
import type { AnswerHead, CodeFile, OpenGuestSession, OutputStream } from "../guest/session.ts";
import type { Hypervisor, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import type { Gate } from "./gate.ts";
import type { ForecastWindow, OwnedFunction } from "./owned-function.ts";
import type { VmPhase } from "./phases.ts";
import type { Vm } from "./vm.ts";

export interface VmParts {
  readonly hypervisor: Hypervisor;
  readonly openSession: OpenGuestSession;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lets a few clones through at a time: more at once make each slower, and the last no sooner. */
  readonly cloneGate: Gate;
  ensureTemplate(config: VmConfig): Promise<Template>;
  codeFiles(digest: string, signal: AbortSignal): Promise<readonly CodeFile[]>;
  /** Values by environment variable. @param named variable to the secret's name */
  openSecrets(named: Readonly<Record<string, string>>): Promise<Record<string, string>>;
  /** What the next process may adopt; absent: nothing. */
  readonly records?: VmRecords;
  /** Called at each change of phase, before anything else happens with the VM. Must not throw. */
  onPhase(vm: Vm, phase: VmPhase): void;
  onOutput(vm: Vm, stream: OutputStream, bytes: Uint8Array): void;
  /** Everything that the last call printed has been heard. */
  onDelivered(vm: Vm): void;
}

export interface VmAssignment {
  readonly owned: OwnedFunction;
  /** Set when a call waits for the VM. */
  readonly requestId: string | undefined;
  readonly window: ForecastWindow | undefined;
  readonly keepUntilMs: number;
}

/** Absent both: a clone of its config's template. */
export interface VmOrigin {
  readonly functionTemplate?: Template | undefined;
  readonly adopted?: VmRecord;
}

export interface VmAnswer {
  /** Empty when the call's sink has had it. */
  readonly payload: Uint8Array;
  /** Present when the function streamed its answer. */
  readonly streamed?: AnswerHead;
  readonly runMs: number;
  readonly restoreMs: number;
}

export interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}
