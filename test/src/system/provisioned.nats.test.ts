/** VMs that wait because an owner wants them to, whatever is forecast. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import type { ProvisionedConcurrency } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

describe("Provisioned concurrency", function () {
  let system: TestSystem;

  before(async () => {
    system = await aSystem({ poolBaseTarget: 2, vmCountMax: 10 });
  });
  after(() => system.stop());

  const aFunction = async (
    name: string,
    provisioned: readonly ProvisionedConcurrency[],
    environment: Record<string, string> = {},
  ): Promise<void> => {
    const settings = { runtime: "nodejs20", handler: "index.handler", keepAliveMs: 500 };
    await system.client.createFunction(name, { ...settings, provisioned, environment });
    await system.client.uploadCode(name, echoZip);
  };
  const provisionedOf = async (name: string) => (await system.client.getForecast(name)).provisioned;
  const readyCount = async (name: string) => (await provisionedOf(name))?.ready;
  const inPools = async (): Promise<number | undefined> => {
    for await (const { pools } of system.client.watchPools()) return pools[0]?.provisioned;
    return undefined;
  };

  it("has VMs wait before the first call, and refills what calls take", async () => {
    await aFunction("always", [{ count: 2 }], { SIMULATED_RUN_MS: "2000" });
    await until(async () => (await readyCount("always")) === 2);
    await until(async () => (await inPools()) === 2);
    const calls = Promise.all([1, 2].map((each) => system.client.invoke("always", each)));
    await until(async () => (await readyCount("always")) === 2);
    for (const { start } of await calls) assert.equal(start, "warm");
  });

  it("keeps them far beyond the keep-alive, and lets the surplus go after it", async () => {
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) {
        return pools[0]?.idle === 2 && pools[0].provisioned === 2;
      }
      return false;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(await readyCount("always"), 2);
  });

  it("evicts none of them for calls of others", async () => {
    await aFunction("hungry", [], { SIMULATED_RUN_MS: "300" });
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, each) => system.client.invoke("hungry", each)),
    );
    assert.equal(results.length, 20);
    assert.equal(await readyCount("always"), 2);
  });

  it("moves them to a new version", async () => {
    const { version } = await system.client.uploadCode("always", echoZip);
    await until(async () => {
      const { version: ran, start } = await system.client.invoke("always", 1);
      return ran === version && start === "warm";
    });
    await until(async () => (await readyCount("always")) === 2);
  });

  it("opens and closes by a clock, and lets them go when it closes", async () => {
    await aFunction("windowed", [{ count: 1, fromCron: "*/8 * * * * *", durationMs: 3_000 }]);
    await until(async () => {
      const { ready, wanted, wantedThen } = (await provisionedOf("windowed")) ?? {};
      return ready === 1 && wanted === 1 && wantedThen === 0;
    });
    await until(async () => (await provisionedOf("windowed"))?.wanted === 0);
  });

  it("lets all go when the owner wants none any more", async () => {
    const { settings } = await system.client.getFunction("always");
    await system.client.updateFunction("always", { ...settings, provisioned: [] });
    assert.equal(await provisionedOf("always"), undefined);
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) {
        return pools[0]?.provisioned === 0;
      }
      return false;
    });
  });
});
