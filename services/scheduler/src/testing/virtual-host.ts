/**
 * A host under a virtual clock, with the VMs of one function, "f": it does what it is told, and tells of it at
 * once. What a call takes of it is the test's.
 */
import { HostTable } from "../hosts/host-table.ts";
import type { AssignOrder, KeepOrder } from "../ports.ts";
import type { ShardWorld } from "../shard/world.ts";

export interface VirtualVm {
  readonly readyAtMs: number;
  readonly sinceMs: number;
  keepUntilMs: number;
  /** No call has had it. */
  readonly isFresh: boolean;
}

export class VirtualHost {
  readonly table = new HostTable();
  vms: VirtualVm[] = [];
  orderedCount = 0;
  private readonly prepareMs: number;
  private readonly prepareP95Ms: number;

  /** @param prepareP95Ms what it says that getting ready takes */
  constructor(prepareMs: number, prepareP95Ms = prepareMs) {
    this.prepareMs = prepareMs;
    this.prepareP95Ms = prepareP95Ms;
  }

  /** @param onOrder called at each order */
  commands(onOrder: () => void = () => {}): ShardWorld["commands"] {
    return {
      assign: (_hostId, order) => {
        onOrder();
        this.assign(order);
        return Promise.resolve(`vm-${this.orderedCount}`);
      },
      keep: (_hostId, order) => {
        onOrder();
        this.keep(order);
        return Promise.resolve();
      },
      floor: () => Promise.resolve(),
    };
  }

  /** Lets those go whose time is over. */
  expire(): void {
    this.vms = this.vms.filter((vm) => vm.keepUntilMs > Date.now());
    this.tell();
  }

  /** A VM that was called: calls take no time, so it is idle again at once. */
  takeBack(keepUntilMs: number): void {
    this.add(keepUntilMs, 0, false);
  }

  tell(): void {
    const idle = this.vms.filter(({ readyAtMs }) => readyAtMs <= Date.now()).length;
    const loading = this.vms.length - idle;
    const functions = [{ name: "f", version: "1", idle, busy: 0, loading }];
    const { prepareP95Ms } = this;
    const pools = [{ runtime: "nodejs20", memoryMib: 128, vcpuCount: 1, ready: 4, prepareP95Ms }];
    const sizes = { memoryMib: 99_999, memoryUsedMib: 0, vmCount: 0, vmCountMax: 999 };
    const heartbeat = { hostId: "h", address: "h:1", isDraining: false, ...sizes, pools };
    this.table.note({ ...heartbeat, functions: this.vms.length > 0 ? functions : [] }, Date.now());
  }

  private assign({ keepUntilMs }: AssignOrder): void {
    this.orderedCount += 1;
    this.add(keepUntilMs, this.prepareMs, true);
  }

  private keep({ count, keepUntilMs }: KeepOrder): void {
    for (const [i, vm] of this.vms.entries()) vm.keepUntilMs = i < count ? keepUntilMs : Date.now();
    this.expire();
  }

  private add(keepUntilMs: number, prepareMs: number, isFresh: boolean): void {
    const sinceMs = Date.now();
    this.vms.push({ readyAtMs: sinceMs + prepareMs, sinceMs, keepUntilMs, isFresh });
    this.tell();
  }
}

/** The clock that node:test has mocked. */
export const mockedClock: ShardWorld["clock"] = {
  nowMs: () => Date.now(),
  sleep: () => Promise.resolve(),
};

/** Resolves when what promises lead to has happened. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
