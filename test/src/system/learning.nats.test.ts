/**
 * The claim over all services: calls that are no surprise have a VM waiting, and fewer generic VMs wait. What
 * could go wrong is between the services: a forecast that nobody acts on, a cut that never comes back.
 */
import assert from "node:assert/strict";
import { systemClock } from "@tidepool/common";
import type { Pool } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";
import { waitFor } from "./wait-for.ts";

const periodMs = 2_000;
const base = 6;
const learnedAfterCalls = 6;

describe("A system that learns", function () {
  let system: TestSystem;
  before(async () => {
    system = await aSystem({ poolBaseTarget: base });
  });
  after(() => system.stop());

  const deploy = async (name: string): Promise<void> => {
    const { client } = system;
    const settings = { runtime: "nodejs20", handler: "index.handler", keepAliveMs: 60_000 };
    await client.createFunction(name, settings);
    await client.uploadCode(name, echoZip);
  };
  const pool = async (): Promise<Pool> => {
    for await (const { pools } of system.client.watchPools()) {
      const found = pools.find(({ memoryMib }) => memoryMib === 128);
      if (found !== undefined) return found;
    }
    throw new Error("no pool was reported");
  };
  /** Gives how each call started. */
  const callEvery = async (name: string, times: number): Promise<string[]> => {
    const startedAtMs = Date.now();
    const starts: string[] = [];
    for (let index = 0; index < times; index++) {
      await systemClock.sleep(startedAtMs + index * periodMs - Date.now());
      starts.push((await system.client.invoke(name, index)).start);
    }
    return starts;
  };

  it("has a VM waiting, cuts the warming target with each function learned, and restores it when the calls end", async () => {
    await waitFor("the base target", pool, ({ target }) => target === base);
    await deploy("tick-a");
    await deploy("tick-b");

    const starts = await callEvery("tick-a", 14);
    const learned = starts.slice(learnedAfterCalls);
    const ready = learned.filter((start) => start === "predicted" || start === "warm");
    assert.ok(ready.length >= 0.9 * learned.length, starts.join(" "));
    const forecast = await system.client.getForecast("tick-a");
    assert.ok(forecast.degree > 0.5, `degree ${forecast.degree}`);
    assert.ok(Math.abs(forecast.periodMs - periodMs) < 100, `period ${forecast.periodMs} ms`);
    const one = await waitFor("a cut for one", pool, ({ target }) => target < base);

    await Promise.all([callEvery("tick-a", 14), callEvery("tick-b", 14)]);
    await waitFor("a deeper cut for two", pool, ({ target }) => target < one.target);

    await waitFor("the target restored", pool, ({ target }) => target === base);
    assert.equal((await system.client.getForecast("tick-a")).degree, 0);
  });

  it("neither prepares nor cuts for calls without a period", async () => {
    await deploy("chance");
    const gapsMs = [310, 1_720, 95, 2_400, 640, 1_130, 3_050, 220, 1_480, 75, 900, 1_990];
    for (const gapMs of gapsMs) {
      await systemClock.sleep(gapMs);
      assert.notEqual((await system.client.invoke("chance", gapMs)).start, "predicted");
      assert.equal((await pool()).target, base);
    }
    assert.equal((await system.client.getForecast("chance")).degree, 0);
  });
});
