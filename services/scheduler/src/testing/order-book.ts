/** What is ordered of one host, "h-1", that has just told of its functions. */
import type { HostFunction } from "../hosts/heartbeat.ts";
import type { AssignOrder } from "../ports.ts";
import type { ShardWorld } from "../shard/world.ts";
import { testWorld } from "./test-world.ts";

export interface OrderBook {
  readonly parts: ShardWorld;
  /** Resolves with all orders that have been given. */
  readonly orders: () => Promise<readonly AssignOrder[]>;
}

export function orderBook(nowMs: number, functions: readonly HostFunction[] = []): OrderBook {
  const orders: AssignOrder[] = [];
  const { parts } = testWorld(nowMs, {
    commands: {
      assign: (_hostId, order) => Promise.resolve(`vm-${orders.push(order)}`),
      keep: () => Promise.resolve(),
      floor: () => Promise.resolve(),
    },
  });
  const sizes = { memoryMib: 1_000_000, memoryUsedMib: 0, vmCount: 0, vmCountMax: 1_000 };
  const heartbeat = { hostId: "h-1", address: "h-1:7000", ...sizes, isDraining: false, pools: [] };
  parts.hosts.note({ ...heartbeat, functions }, nowMs);
  return {
    parts,
    async orders() {
      await new Promise((resolve) => setImmediate(resolve));
      return orders;
    },
  };
}
