/** Hosts for their operator: listed, drained while they serve, and put back. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

describe("Hosts of a system", function () {
  let system: TestSystem;
  const settings = { runtime: "nodejs20", handler: "index.handler" };

  before(async () => {
    system = await aSystem({ hostCount: 2, poolBaseTarget: 4, drainMoveMs: 3_000 });
    await until(async () => (await system.client.hosts.list()).length === 2);
  });
  after(() => system.stop());

  const aFunction = async (name: string, more: object = {}): Promise<void> => {
    await system.client.createFunction(name, { ...settings, ...more });
    await system.client.uploadCode(name, echoZip);
  };
  const stateOf = async (hostId: string): Promise<string | undefined> =>
    (await system.client.hosts.list()).find((host) => host.hostId === hostId)?.state;
  const idleOn = (index: number, name: string): number =>
    (system.agents[index]?.fleet.views() ?? []).filter(
      (vm) => vm.functionName === name && vm.phase === "idle",
    ).length;
  const vmsOn = (index: number): number => system.agents[index]?.fleet.all().length ?? -1;

  it("are listed with what they hold", async () => {
    const hosts = await system.client.hosts.list();
    assert.deepEqual(
      hosts.map(({ hostId, state, vmCountMax }) => [hostId, state, vmCountMax]),
      [
        ["h-1", "ready", 32],
        ["h-2", "ready", 32],
      ],
    );
  });

  it("refuse a drain of a host that nobody knows", async () => {
    await assert.rejects(system.client.hosts.drain("h-9"), { code: "notFound" });
    await assert.rejects(system.client.hosts.undrain("h-9"), { code: "notFound" });
  });

  it("that are drained have their VMs elsewhere before they go, finish calls, and get no work until undrain", async () => {
    await aFunction("slow");
    await aFunction("held", { provisioned: [{ count: 2 }] });
    await system.client.invoke("slow", 0);
    await until(() => idleOn(0, "held") + idleOn(1, "held") === 2);
    const from = idleOn(0, "slow") === 1 ? 0 : 1;
    const to = 1 - from;
    const hostId = `h-${from + 1}`;
    const long = { simulated: { runMs: 5_000 } };
    const underWay = system.client.invoke("slow", long);
    await until(() => idleOn(from, "slow") === 0);

    assert.equal((await system.client.hosts.drain(hostId)).state, "draining");
    await until(() => idleOn(to, "slow") === 1 && idleOn(to, "held") === 2);
    assert.ok(vmsOn(from) > 0, "the VMs stand elsewhere before they go");
    assert.deepEqual((await underWay).payload, long);
    await until(async () => (await stateOf(hostId)) === "drained");
    assert.equal(vmsOn(from), 0);

    await aFunction("new");
    for (let call = 0; call < 10; call++) await system.client.invoke("new", call);
    await Promise.all([1, 2, 3].map((call) => system.client.invoke("slow", call)));
    assert.equal(vmsOn(from), 0);

    assert.equal((await system.client.hosts.undrain(hostId)).state, "ready");
    await until(() => vmsOn(from) > 0);
    await system.client.hosts.undrain(hostId);
  });
});
