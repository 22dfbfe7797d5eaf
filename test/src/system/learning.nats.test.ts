/**
 * The claim over all services: calls that are no surprise have a VM waiting, and fewer generic VMs wait. What
 * could go wrong is between the services: a forecast that nobody acts on, a cut that never comes back.
 */
import assert from "node:assert/strict";
import { systemClock } from "@tidepool/common";
import type { InvokeResult, Pool } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";
import { periodicCalls, untilInARow } from "./periodic-calls.ts";
import { waitFor } from "./wait-for.ts";

const periodMs = 2_000;
/** Below the period: without a forecast no VM waits for the next call. */
const keepAliveMs = 1_000;
const base = 6;
/** A period is sure after six to nine calls; the others are for those that a busy machine holds up. */
const callsMax = 30;

describe("A system that learns", function () {
  let system: TestSystem;
  before(async () => {
    system = await aSystem({ poolBaseTarget: base });
  });
  after(() => system.stop());

  const deploy = async (name: string): Promise<void> => {
    const { client } = system;
    const settings = { runtime: "nodejs20", handler: "index.handler", keepAliveMs };
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
  it("has a VM waiting, cuts the warming target with each function learned, and restores it when the calls end", async () => {
    await waitFor("the base target", pool, ({ target }) => target === base);
    await deploy("tick-a");
    await deploy("tick-b");

    const callA = periodicCalls(system.client, "tick-a", periodMs, Date.now() - periodMs);
    const isReady = ({ start }: InvokeResult): boolean => start === "predicted" || start === "warm";
    await callA();
    await untilInARow(4, callA, isReady, callsMax);
    const forecast = await system.client.getForecast("tick-a");
    assert.ok(forecast.degree > 0.5, `degree ${forecast.degree}`);
    assert.ok(Math.abs(forecast.periodMs - periodMs) < 100, `period ${forecast.periodMs} ms`);
    const one = await waitFor("a cut for one", pool, ({ target }) => target < base);

    const toldAtMs = await system.teach("tick-b", periodMs, 12);
    const callB = periodicCalls(system.client, "tick-b", periodMs, toldAtMs);
    const callBoth = async (): Promise<readonly [InvokeResult, InvokeResult, Pool]> => [
      ...(await Promise.all([callA(), callB()])),
      await pool(),
    ];
    await untilInARow(
      2,
      callBoth,
      ([a, b, { target }]) => isReady(a) && isReady(b) && target < one.target,
      callsMax,
    );

    await waitFor("the target restored", pool, ({ target }) => target === base);
    await waitFor(
      "it is forgotten",
      () => system.client.getForecast("tick-a"),
      ({ degree }) => degree === 0,
    );
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
