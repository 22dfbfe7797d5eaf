/**
 * All VMs of this host: the one place where VMs are made, counted and let go.
 */
import { randomBytes } from "node:crypto";
import type { Clock, TidepoolError } from "@tidepool/common";
import type { VmRecord } from "../adoption/vm-records.ts";
import type { Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { drainMaxMs } from "../vm/limits.ts";
import { Vm } from "../vm/vm.ts";
import type { VmParts } from "../vm/vm-parts.ts";
import type { VmView } from "../vm/vm-view.ts";
import { orAborted } from "../within.ts";
import { chooseEvictions, hasRoom } from "./admit.ts";
import type { HostLimits } from "./admit.ts";

/** Failures of VMs that calls may still ask for, kept so long. */
export const failureMemoryMs = 60_000;
export const failureCountMax = 1_000;

export class Fleet {
  readonly limits: HostLimits;
  /** It stops. */
  isDraining = false;
  /** An operator drained it: no new VMs, and those that are there serve until they are let go. */
  isDrained = false;
  /** It has heard nothing of NATS for too long: what it knows may hold no more. */
  isCutOff = false;
  private readonly parts: VmParts;
  private readonly vms = new Map<string, Vm>();
  private readonly failures = new Map<string, { error: TidepoolError; untilMs: number }>();

  constructor(limits: HostLimits, parts: VmParts) {
    this.limits = limits;
    this.parts = parts;
  }

  get(vmId: string): Vm | undefined {
    return this.vms.get(vmId);
  }

  all(): readonly Vm[] {
    return [...this.vms.values()];
  }

  views(): readonly VmView[] {
    return viewsOf(this.all(), this.parts.clock);
  }

  /** Whether it may make VMs of the config at all. */
  offers({ network }: Pick<VmConfig, "network">): boolean {
    return network === undefined || this.limits.offersInternet === true;
  }

  hasRoom(config: VmConfig): boolean {
    return hasRoom(this.views(), config, this.limits);
  }

  /**
   * Begins a clone, after making room for it: those that have to go are gone before it takes any; of a function's own template, when one is given.
   * @param functionName whom it is for; undefined when it is for the pool
   * @throws TidepoolError `noCapacity`
   */
  create(config: VmConfig, functionName?: string, functionTemplate?: Template): Vm {
    const nowMs = this.parts.clock.nowMs();
    const asker = functionName === undefined ? undefined : { functionName, nowMs };
    for (const { vmId } of chooseEvictions(this.views(), config, this.limits, asker)) {
      this.vms.get(vmId)?.stop("evicted");
    }
    const before = this.all();
    const vm = new Vm(`vm-${randomBytes(5).toString("hex")}`, config, this.parts, {
      functionTemplate,
    });
    this.add(vm);
    if (!hasRoom(viewsOf(before, this.parts.clock), config, this.limits)) {
      const stopping = before.filter(({ phase }) => phase === "stopping");
      vm.waitFor(Promise.all(stopping.map(({ whenGone }) => whenGone)));
    }
    vm.start();
    return vm;
  }

  /** One that an earlier process has left. */
  adopt(record: VmRecord): Vm {
    const vm = new Vm(record.vmId, record.template.config, this.parts, { adopted: record });
    this.add(vm);
    vm.start();
    return vm;
  }

  /** Why a VM that is no more failed; undefined when it did not, or too long ago. */
  failureOf(vmId: string): TidepoolError | undefined {
    const kept = this.failures.get(vmId);
    return kept !== undefined && kept.untilMs > this.parts.clock.nowMs() ? kept.error : undefined;
  }

  /** Takes no more calls and ends every VM: at once, or when its call has ended, but never later than drainMaxMs. */
  async drain(): Promise<void> {
    this.isDraining = true;
    const leaving = this.all();
    const busy = leaving.filter((vm) => vm.isTaken);
    for (const vm of leaving) if (!vm.isTaken) vm.stop("shutdown");
    const deadline = AbortSignal.timeout(drainMaxMs);
    await Promise.allSettled(busy.map((vm) => orAborted(vm.whenFree(), deadline)));
    for (const vm of busy) vm.stop("shutdown");
    await Promise.all(leaving.map((vm) => vm.whenGone));
  }

  /** Takes no more calls and leaves the VMs that wait to the next process; the others end as in drain(). */
  async leave(): Promise<readonly string[]> {
    this.isDraining = true;
    const deadline = AbortSignal.timeout(drainMaxMs);
    const left = await Promise.all(
      this.all().map(async (vm) => {
        if (vm.isTaken) await orAborted(vm.whenFree(), deadline).catch(() => {});
        if (await vm.leave()) return [vm.vmId];
        vm.stop("shutdown");
        await vm.whenGone;
        return [];
      }),
    );
    return left.flat();
  }

  private add(vm: Vm): void {
    this.vms.set(vm.vmId, vm);
    void vm.whenGone.then(() => this.forget(vm));
  }

  private forget(vm: Vm): void {
    this.vms.delete(vm.vmId);
    void this.parts.records?.remove(vm.vmId).catch(() => {}); // one without its VM is not adopted
    if (vm.failure === undefined) return;
    const nowMs = this.parts.clock.nowMs();
    this.failures.set(vm.vmId, { error: vm.failure, untilMs: nowMs + failureMemoryMs });
    for (const [vmId, { untilMs }] of this.failures) {
      if (untilMs > nowMs && this.failures.size <= failureCountMax) break;
      this.failures.delete(vmId);
    }
  }
}

function viewsOf(vms: readonly Vm[], clock: Clock): readonly VmView[] {
  const nowMs = clock.nowMs();
  return vms.map((vm) => vm.view(nowMs));
}
