/**
 * What shards ask of this host: VMs for functions, and how long idle ones stay. Commands may come twice and
 * late: an assignment is known by its id, a shard by its epoch, a keep by when it was sent.
 */
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { chooseOwned, chooseUnowned } from "../fleet/choose.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { vmConfigOf } from "../hypervisor/vm-config.ts";
import { reservationMaxMs } from "../vm/limits.ts";
import type { OwnedFunction } from "../vm/owned-function.ts";
import type { Vm } from "../vm/vm.ts";
import type { VmView } from "../vm/vm-view.ts";
import { Deployed } from "./deployed.ts";
import type { DeployedVersions, Standing } from "./deployed.ts";
import type { Epochs } from "./epochs.ts";
import { Floors } from "./floors.ts";
import { chooseKept, isNewer, keepAfterCall, releaseReason, unusedReason } from "./keep.ts";
import type { KeepRule } from "./keep.ts";
import type { AssignCommand, KeepCommand } from "./parse.ts";
import { remember } from "./remember.ts";

/** Assignments remembered, to know one that comes again. */
export const assignmentCountMax = 10_000;
/** Functions whose keep rules are remembered. */
export const keepRuleCountMax = 10_000;

export interface AssignmentsParts {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly epochs: Epochs;
  /** A function of this config has been seen. */
  onConfig(config: VmConfig): void;
  /** What was taken of this version after its init; undefined when there is none. */
  functionTemplate?(owned: OwnedFunction): Template | undefined;
}

export class Assignments {
  private readonly parts: AssignmentsParts;
  private readonly floors = new Floors();
  private readonly known = new Map<string, string>();
  private readonly rules = new Map<string, KeepRule>();
  private readonly deployed = new Deployed();

  constructor(parts: AssignmentsParts) {
    this.parts = parts;
  }

  /**
   * Gives the function version a VM, and answers before its code is loaded.
   * @throws TidepoolError `stale`, `noCapacity`, `unavailable` while draining, `wrongPhase` for a network that is not
   * allowed here
   */
  assign(command: AssignCommand): Vm {
    const { fleet, clock } = this.parts;
    if (fleet.isDraining) {
      throw new TidepoolError("unavailable", `host ${fleet.limits.hostId} is stopping`);
    }
    if (fleet.isDrained) {
      throw new TidepoolError("unavailable", `host ${fleet.limits.hostId} is drained`);
    }
    this.parts.epochs.check(command.shard, command.epoch);
    const again = fleet.get(this.known.get(command.assignmentId) ?? "");
    if (again !== undefined && again.phase !== "stopping") return again;

    if (!fleet.offers(command.owned)) {
      const { hostId } = fleet.limits;
      const message = `${command.owned.name} asks for the internet, which host ${hostId} gives no guest`;
      throw new TidepoolError("wrongPhase", message, { reason: "noNetwork" });
    }
    this.parts.onConfig(command.owned);
    const vm = this.choose(command);
    const nowMs = clock.nowMs();
    if (command.requestId !== undefined) {
      vm.reservation = { requestId: command.requestId, untilMs: nowMs + reservationMaxMs };
    }
    vm.assignmentId = command.assignmentId;
    this.note(vm);
    return vm;
  }

  /** Knows the assignment of a VM that an earlier process has left, should it come again. */
  note({ assignmentId, vmId }: Vm): void {
    if (assignmentId === undefined) return;
    remember(this.known, assignmentId, vmId, assignmentCountMax);
  }

  /** @throws TidepoolError `stale` */
  keep(command: KeepCommand): void {
    const { clock, fleet } = this.parts;
    this.parts.epochs.check(command.shard, command.epoch);
    const { epoch, sentAtMs, count, keepUntilMs, functionName, floor } = command;
    if (floor !== undefined) {
      const version = command.version ?? this.deployed.activeOf(functionName);
      this.floors.set(functionName, { epoch, sentAtMs, version, ...floor });
      this.holdFloors();
      return;
    }
    const rule = { epoch, sentAtMs, count, keepUntilMs, receivedAtMs: clock.nowMs() };
    if (!isNewer(rule, this.rules.get(functionName))) return;
    remember(this.rules, functionName, rule, keepRuleCountMax);
    const version = command.version ?? this.deployed.activeOf(functionName);
    const { kept, released } = chooseKept(this.idleOf(functionName), count, version);
    for (const { vmId } of kept) {
      const vm = fleet.get(vmId);
      if (vm === undefined) continue;
      vm.keepUntilMs = keepUntilMs;
      vm.window = command.window ?? vm.window;
    }
    for (const view of released) {
      if (!view.isProvisioned) fleet.get(view.vmId)?.stop(unusedReason(view));
    }
  }

  /** To be called when a call has left its VM. */
  afterCall(vm: Vm, callStartedAtMs: number): void {
    const owned = vm.assignment?.owned;
    if (owned === undefined) return;
    const nowMs = this.parts.clock.nowMs();
    vm.keepUntilMs = keepAfterCall({
      rule: this.rules.get(owned.name),
      callStartedAtMs,
      idleCount: this.idleOf(owned.name).filter(
        (view) => view.vmId !== vm.vmId && this.standingOf(view).kind !== "retired",
      ).length,
      keepAliveMs: owned.keepAliveMs,
      nowMs,
    });
    vm.window = undefined;
    this.holdFloors();
    if (vm.isOutdated) vm.stop("replaced");
    else if (owned.singleUse || (vm.keepUntilMs <= nowMs && vm.floorUntilMs <= nowMs))
      vm.stop("used");
  }

  /** Which versions calls go to from now on; undefined when the function was deleted. */
  noteDeployed(functionName: string, versions: DeployedVersions | undefined): void {
    this.deployed.note(functionName, versions, this.parts.clock.nowMs());
  }

  /**
   * A secret has a new value. VMs that hold the old one serve no further call; those that wait for calls to
   * come, for a window or whatever is forecast, are made anew.
   */
  secretChanged(secretName: string): void {
    for (const vm of this.parts.fleet.all()) {
      const { assignment, phase } = vm;
      if (assignment === undefined || phase === "stopping" || phase === "gone") continue;
      if (!Object.values(assignment.owned.secrets).includes(secretName)) continue;
      vm.isOutdated = true;
    }
    this.releaseOverdue();
  }

  /** Lets idle VMs go whose time, or whose function's, is over. */
  releaseOverdue(): void {
    const nowMs = this.parts.clock.nowMs();
    this.holdFloors();
    for (const view of this.parts.fleet.views()) {
      if (view.phase !== "idle" || view.isSpokenFor) continue;
      const vm = this.parts.fleet.get(view.vmId);
      if (vm?.isOutdated === true) {
        vm.stop("replaced");
        if (vm.callCount === 0) this.makeAnew(vm);
        continue;
      }
      if (view.isProvisioned && view.keepUntilMs <= nowMs) continue;
      const reason = releaseReason(view, this.standingOf(view), nowMs);
      if (reason !== undefined) vm?.stop(reason);
    }
  }

  /** A call takes what is ready soonest; a pre-warm wants a VM beside those that the function has. */
  private choose(command: AssignCommand): Vm {
    const { fleet, clock } = this.parts;
    const { owned, requestId, window } = command;
    const views = fleet.views();
    if (requestId !== undefined) {
      const had = fleet.get(chooseOwned(views, owned)?.vmId ?? "");
      if (had !== undefined) return had;
    }
    const config = vmConfigOf(owned);
    const template = this.parts.functionTemplate?.(owned);
    const unowned = template === undefined ? chooseUnowned(views, config)?.vmId : undefined;
    const vm = fleet.get(unowned ?? "") ?? fleet.create(config, owned.name, template);
    const keepUntilMs = command.keepUntilMs ?? clock.nowMs() + owned.keepAliveMs;
    vm.assign({ owned, requestId, window, keepUntilMs });
    return vm;
  }

  private holdFloors(): void {
    if (this.floors.isEmpty) return;
    const { fleet, clock } = this.parts;
    const held = this.floors.held(fleet.views(), clock.nowMs());
    for (const vm of fleet.all()) vm.floorUntilMs = held.get(vm.vmId) ?? 0;
  }

  private makeAnew({ vmId, assignment, window, keepUntilMs }: Vm): void {
    const { fleet, logger } = this.parts;
    if (assignment === undefined || fleet.isDrained) return;
    const { owned } = assignment;
    try {
      const config = vmConfigOf(owned);
      const next =
        fleet.get(chooseUnowned(fleet.views(), config)?.vmId ?? "") ??
        fleet.create(config, owned.name);
      next.assign({ owned, requestId: undefined, window, keepUntilMs });
    } catch (error) {
      logger.warn("VM not replaced", { vmId, error: messageOf(error) });
    }
  }

  /** Whether calls may still go to a version that was there then. */
  isLive({ name, version }: OwnedFunction, sinceMs: number): boolean {
    const { kind } = this.deployed.standingOf(name, version, sinceMs);
    return kind === "live" || kind === "unknown";
  }

  private standingOf({ functionName = "", version = "", assignedAtMs }: VmView): Standing {
    return this.deployed.standingOf(functionName, version, assignedAtMs);
  }

  private idleOf(functionName: string): readonly VmView[] {
    return this.parts.fleet
      .views()
      .filter((vm) => vm.functionName === functionName && vm.phase === "idle" && !vm.isSpokenFor);
  }
}
