/** What an operator's drain does to a host, and that it outlives the agent. */
import assert from "node:assert/strict";
import type { Storage } from "@tidepool/actors";
import { tidepool, toTimestamp } from "@tidepool/proto";
import type { HarnessOptions, HostHarness } from "./testing/host-harness.ts";
import { startSimulatedHost } from "./testing/simulated-host.ts";

const { HostRecord } = tidepool.internal.v1;

describe("A drained host", function () {
  let host: HostHarness;

  const start = async (options: Partial<HarnessOptions> = {}): Promise<void> => {
    host = await startSimulatedHost({ drainMoveMs: 400, ...options });
  };
  const drain = async ({ hosts }: Storage): Promise<void> => {
    const record = HostRecord.create({ drainedAt: toTimestamp(Date.now()) });
    await hosts.put("h-1", HostRecord.encode(record).finish());
  };
  const isTold = (): boolean => host.heartbeats.at(-1)?.isDrained === true;
  afterEach(() => host.stop());

  it("refuses orders, lets generic VMs go at once, and serves on with those it has for a while", async () => {
    await start({ poolBaseTarget: 2 });
    await host.acquireAndInvoke("echo", 0);
    await host.until("pool", () => host.count("warming") === 2);
    await drain(host.storage);
    await host.until("told", isTold);
    await assert.rejects(host.assign({ name: "other" }), {
      code: "unavailable",
      message: /host h-1 is drained/,
    });
    await host.until("pool gone", () => host.count("warming") === 0);
    assert.equal((await host.frontend.invoke("echo", 1)).value, 1);
    await host.until("empty", () => host.agent.fleet.all().length === 0);
    host.target(3);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(host.agent.fleet.all().length, 0);
    const reasons = host.facts.filter(({ phase }) => phase === "gone").map(({ reason }) => reason);
    assert.deepEqual(reasons, ["reduced", "reduced", "drained"]);
  });

  it("finishes the calls it has, however long they run", async () => {
    await start();
    await host.acquireAndInvoke("echo", 0);
    const running = host.frontend.invoke("echo", { simulated: { runMs: 1_200 } });
    await host.until("busy", () => host.count("busy") === 1);
    await drain(host.storage);
    await host.until("told", isTold);
    assert.ok((await running).value);
    await host.until("empty", () => host.agent.fleet.all().length === 0);
  });

  it("is drained still after a restart of its agent, until it is undrained", async () => {
    await start({ poolBaseTarget: 2, before: drain });
    await host.until("told", () => host.heartbeats.length > 0);
    assert.ok(host.heartbeats.every(({ isDrained }) => isDrained === true));
    await assert.rejects(host.assign(), { code: "unavailable" });
    assert.equal(host.agent.fleet.all().length, 0);
    await host.storage.hosts.delete("h-1");
    await host.until("told", () => !isTold());
    host.target(2);
    await host.until("pool", () => host.count("warming") === 2);
    assert.equal((await host.acquireAndInvoke("echo", 5)).value, 5);
  });
});
