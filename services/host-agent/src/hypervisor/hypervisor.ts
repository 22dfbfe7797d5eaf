/**
 * The hypervisor port: what the host-agent needs of qemu, libvirt or the simulation. All three pass the
 * suite in hypervisor-contract.ts.
 *
 * A template is a VM booted once, up to a waiting runtime, and frozen; a clone is a copy-on-write copy of
 * it that goes on from there. Words: a *VM* is what the host-agent plans with, a *domain* its incarnation
 * in a hypervisor.
 */
import type { Duplex } from "node:stream";

export type Accelerator = "kvm" | "tcg" | "simulated";

/** What a pool of interchangeable VMs is made of. */
export interface VmConfig {
  /** Folder name under guest/runtimes, for instance "nodejs20". */
  readonly runtime: string;
  /** Memory that the function may use; the VM's RAM is larger by what kernel, init and runtime take. */
  readonly memoryMib: number;
  /** Virtual CPUs; 1 when absent. */
  readonly vcpuCount?: number;
  /** A network card with a filtered way to the internet; absent: no network at all. */
  readonly network?: "internet";
}

export interface Template {
  readonly config: VmConfig;
  /** Hash of all that the frozen state depends on: QEMU, machine, CPU, kernel, image, memory. */
  readonly id: string;
  /** In a template of a function: the id of the one that its guest was booted as, which it answers with. */
  readonly bootId?: string;
}

/** Why a domain is gone, as the hypervisor saw it. */
export interface DomainExit {
  /** True when destroy() was called before it ended. */
  readonly isExpected: boolean;
  /** Exit code and last words of the VM's process, for logs. */
  readonly detail: string;
}

/**
 * One running (or paused) VM. Both channels carry raw bytes: framing is the guest session's business.
 * They end ("close") when the domain does.
 */
export interface Domain {
  readonly vmId: string;
  readonly control: Duplex;
  readonly runtime: Duplex;
  /** Settles exactly once, never rejects. */
  readonly exited: Promise<DomainExit>;
  /** Idempotent. */
  pause(): Promise<void>;
  /** Idempotent. */
  resume(): Promise<void>;
  /** Frees everything the domain holds; idempotent, also after an exit. */
  destroy(): Promise<void>;
}

export interface Hypervisor {
  readonly name: "qemu" | "libvirt" | "simulated";
  readonly accelerator: Accelerator;
  /**
   * Creates or confirms the template. Concurrent calls for one config share the work.
   * @throws TidepoolError `unavailable` when the guest does not boot within the deadline
   */
  ensureTemplate(config: VmConfig, options?: EnsureTemplateOptions): Promise<Template>;
  /**
   * A new running domain. Its guest has not been greeted: no Restore has been sent, so nothing may run in
   * it but the session's own handshake.
   * @throws TidepoolError `unavailable` when the hypervisor refuses or the deadline passes
   */
  clone(template: Template, vmId: string, options?: WaitOptions): Promise<Domain>;
  /**
   * Takes over a paused domain that an earlier process has left, and has it go on; absent where the driver cannot.
   * @throws TidepoolError `wrongPhase` when it is not paused, `notFound`, `unavailable`
   */
  adopt?(vmId: string): Promise<Domain>;
  /** VM ids of all domains of this host-agent that exist, also those left by an earlier process. */
  list(): Promise<readonly string[]>;
  /** Destroys a domain by id, also one left by an earlier process. Idempotent. */
  destroy(vmId: string): Promise<void>;
  /** Whether it takes configs with a network; absent: no. */
  readonly offersInternet?: boolean;
  readonly functionTemplates: FunctionTemplates;
  /** Ends the driver and lets its domains be, for the next process to adopt; absent where the driver cannot. */
  leave?(): Promise<void>;
  /** Destroys every domain and frees what the driver holds. Templates on disk stay, but for those of functions. */
  close(): Promise<void>;
}

/** Templates that are taken of a VM after a function's own init. They end with the driver. */
export interface FunctionTemplates {
  /**
   * Lets a copy of `base` go on in `prepare`, which greets it and loads the function, and freezes it when that
   * resolves. When it rejects, or the VM ends in it, nothing is left. A domain given to `prepare` is not listed.
   */
  make(
    base: Template,
    prepare: (domain: Domain) => Promise<void>,
    options?: WaitOptions,
  ): Promise<Template>;
  /** Idempotent; clones that run go on. */
  remove(template: Template): Promise<void>;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

export interface EnsureTemplateOptions extends WaitOptions {
  /** Called with what is being done, for people: "booting nodejs20 with 128 MiB". */
  readonly onProgress?: (step: string) => void;
}
