/**
 * How many idle VMs of a version stay, whatever else is said of them: what an owner has provisioned. They are
 * neither let go when their time is over nor evicted.
 */
import type { VmView } from "../vm/vm-view.ts";
import { chooseKept, isNewer } from "./keep.ts";
import { remember } from "./remember.ts";

export interface Floor {
  readonly epoch: number;
  readonly sentAtMs: number;
  readonly version: string;
  readonly count: number;
  readonly untilMs: number;
}

/** Functions whose floors are remembered. */
export const floorCountMax = 10_000;

export class Floors {
  private readonly floors = new Map<string, Floor>();

  /** One that was sent before the one that is known changes nothing. */
  set(functionName: string, floor: Floor): void {
    if (!isNewer(floor, this.floors.get(functionName))) return;
    remember(this.floors, functionName, floor, floorCountMax);
  }

  get isEmpty(): boolean {
    return this.floors.size === 0;
  }

  /** By VM, until when it stays. @param views of all VMs */
  held(views: readonly VmView[], nowMs: number): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const [functionName, { version, count, untilMs }] of this.floors) {
      if (untilMs <= nowMs) {
        this.floors.delete(functionName);
        continue;
      }
      const idle = views.filter(
        (vm) => vm.phase === "idle" && vm.functionName === functionName && vm.version === version,
      );
      for (const { vmId } of chooseKept(idle, count, version).kept) held.set(vmId, untilMs);
    }
    return held;
  }
}
