/** How many VMs are ordered when one version takes over from another. */
import assert from "node:assert/strict";
import { parseFunctionVersion } from "../nats/parse.ts";
import type { AssignOrder } from "../ports.ts";
import { orderBook } from "../testing/order-book.ts";
import { FunctionState } from "./function-state.ts";
import { Keeper } from "./keeper.ts";
import { Memories } from "./memories.ts";
import { Prewarmer } from "./prewarmer.ts";
import { Shard } from "./shard.ts";
import { takeoverVmsMax } from "./world.ts";

const nowMs = 1_000_000;
const version = (number: string): ReturnType<typeof parseFunctionVersion> =>
  parseFunctionVersion({
    name: "f",
    version: number,
    codeDigest: `sha256:${number}`,
    settings: { runtime: "nodejs20" },
  });

interface Given {
  /** VMs of version 1, which is planned for, and of version 2, which takes over. */
  readonly former: { readonly idle?: number; readonly busy?: number };
  readonly next?: { readonly idle?: number; readonly loading?: number };
  readonly toldUntilMs?: number;
  /** A host that gave a VM then; it is heard at nowMs, or never. */
  readonly assigned?: { readonly hostId: string; readonly atMs: number };
}

async function ordersFor({
  former,
  next,
  toldUntilMs,
  assigned,
}: Given): Promise<readonly AssignOrder[]> {
  const none = { idle: 0, busy: 0, loading: 0 };
  const functions = [
    { name: "f", version: "1", ...none, ...former },
    { name: "f", version: "2", ...none, ...next },
  ].filter(({ idle, busy, loading }) => idle + busy + loading > 0);
  const { parts, orders } = orderBook(nowMs, functions);
  const state = new FunctionState("f", new Memories());
  state.version = "1";
  if (toldUntilMs !== undefined) state.told = { untilMs: toldUntilMs, count: 1 };
  if (assigned !== undefined) state.noteAssigned(assigned.hostId, assigned.atMs);
  new Prewarmer(parts, 0, new Keeper(parts, 0)).takeOver(state, version("2"));
  return orders();
}

describe("A version that takes over", () => {
  it("gets as many VMs as the one before has, busy ones too, less those that it has itself", async () => {
    const orders = await ordersFor({ former: { idle: 2, busy: 3 }, next: { idle: 1, loading: 1 } });
    assert.equal(orders.length, 3);
    assert.equal(new Set(orders.map(({ assignmentId }) => assignmentId)).size, 3);
    assert.ok(orders.every(({ function: { version: of } }) => of === "2"));
    assert.ok(orders.every(({ keepUntilMs }) => keepUntilMs === nowMs + 600_000));
  });

  it("gets one where a host has given one to the version before and has not been heard since", async () => {
    const given = (hostId: string, atMs: number, idle = 0): Promise<readonly AssignOrder[]> =>
      ordersFor({ former: { idle }, assigned: { hostId, atMs } });
    assert.equal((await given("h-1", nowMs)).length, 1);
    assert.equal((await given("h-2", nowMs)).length, 1);
    assert.equal((await given("h-1", nowMs - 1)).length, 0, "it was heard since, and has none");
    assert.equal((await given("h-1", nowMs, 1)).length, 1, "it is in the heartbeat already");
  });

  it("gets one where the first call has just got its VM, and is not heard to have come", async () => {
    const { parts, orders } = orderBook(nowMs);
    let active = "1";
    const shard = new Shard({ ...parts, functionOf: () => version(active) }, 0);
    await shard.start();
    const call = { requestId: "r", function: version("1"), refusedVmId: "", avoidHostIds: [] };
    await shard.acquire(call, undefined);
    active = "2";
    shard.functionChanged("f");
    const made = await orders();
    assert.deepEqual(
      made.map(({ function: { version: of }, requestId }) => `${of} ${requestId}`),
      ["1 r", "2 "],
    );
    await shard.stop(false);
  });

  it("gets none when it has enough", async () => {
    assert.deepEqual(await ordersFor({ former: { idle: 1 }, next: { idle: 2 } }), []);
  });

  it("gets no more than the limit", async () => {
    assert.equal((await ordersFor({ former: { idle: 500 } })).length, takeoverVmsMax);
  });

  it("gets VMs for as long as those before were to be kept, and none when their time is over", async () => {
    const [order] = await ordersFor({ former: { idle: 1 }, toldUntilMs: nowMs + 5 });
    assert.equal(order?.keepUntilMs, nowMs + 5);
    assert.deepEqual(await ordersFor({ former: { idle: 1 }, toldUntilMs: nowMs }), []);
  });
});
