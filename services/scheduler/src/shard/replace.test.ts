/** What is ordered elsewhere when a host goes with its VMs. */
import assert from "node:assert/strict";
import { parseFunctionVersion } from "../nats/parse.ts";
import type { AssignOrder } from "../ports.ts";
import { orderBook } from "../testing/order-book.ts";
import { FunctionState } from "./function-state.ts";
import { Keeper } from "./keeper.ts";
import { Memories } from "./memories.ts";
import { preparedWindow, Prewarmer } from "./prewarmer.ts";
import { takeoverVmsMax } from "./world.ts";

const nowMs = 1_000_000;
const keepAliveMs = 600_000;

interface Given {
  readonly count: number;
  readonly provisioned?: number;
  readonly set?: (state: FunctionState) => void;
}

async function ordersFor({ count, provisioned = 0, set }: Given): Promise<readonly AssignOrder[]> {
  const { parts, orders } = orderBook(nowMs);
  const version = parseFunctionVersion({
    name: "f",
    version: "1",
    codeDigest: "sha256:1",
    settings: { runtime: "nodejs20", keepAliveMs, provisioned: [{ count: provisioned }] },
  });
  const state = new FunctionState("f", new Memories());
  set?.(state);
  new Prewarmer(parts, 0, new Keeper(parts, 0)).replace(state, version, count, "h-2");
  return orders();
}

const windowUntil = (releaseAtMs: number) => (state: FunctionState) => {
  const prewarm = {
    startAtMs: nowMs,
    readyByMs: nowMs,
    windowStartAtMs: nowMs + 1_000,
    windowEndAtMs: nowMs + 2_000,
    releaseAtMs,
    count: 2,
    orderCount: 2,
  };
  const because = { degree: 0.9, forecast: undefined };
  state.prepared = preparedWindow(prewarm, because, false, nowMs);
};

describe("VMs that go with their host", () => {
  it("are ordered anew for as long as a call left them, each once", async () => {
    const orders = await ordersFor({
      count: 3,
      set: (state) => (state.calledAtMs = nowMs - 1_000),
    });
    assert.equal(new Set(orders.map(({ assignmentId }) => assignmentId)).size, 3);
    assert.ok(orders.every((order) => order.keepUntilMs === nowMs - 1_000 + keepAliveMs));
    assert.ok(orders.every((order) => order.requestId === "" && order.window === undefined));
  });

  it("are ordered for the window that they waited for, until its release", async () => {
    const orders = await ordersFor({ count: 2, set: windowUntil(nowMs + 3_000) });
    assert.deepEqual(
      orders.map(({ window, keepUntilMs }) => [window?.startAtMs, keepUntilMs]),
      [
        [nowMs + 1_000, nowMs + 3_000],
        [nowMs + 1_000, nowMs + 3_000],
      ],
    );
  });

  it("stay as long as hosts were told, and the next plan tells all hosts again", async () => {
    let seen: FunctionState | undefined;
    const [order] = await ordersFor({
      count: 1,
      set: (state) => {
        seen = state;
        state.told = { untilMs: nowMs + 5, count: 1 };
      },
    });
    assert.equal(order?.keepUntilMs, nowMs + 5);
    assert.equal(seen?.told, undefined);
  });

  it("are not ordered when their time is over, nor those that are provisioned, nor beyond the limit", async () => {
    const isOver = (state: FunctionState): void => {
      state.told = { untilMs: nowMs, count: 1 };
    };
    assert.deepEqual(await ordersFor({ count: 1, set: isOver }), []);
    assert.equal((await ordersFor({ count: 3, provisioned: 2 })).length, 1);
    assert.equal((await ordersFor({ count: 500 })).length, takeoverVmsMax);
  });
});
