/** Limits at, below and above their edges, with one frontend and with two; a burst that no host has room for. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { startTelemetry, TidepoolError } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import type { FunctionSettings, TenantSettings } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const vmCountMax = 8;

describe("Limits of tenants and functions", () => {
  let telemetry: Telemetry;
  let system: TestSystem;
  let client: TidepoolClient;
  let other: TidepoolClient;

  before(async () => {
    telemetry = await startTelemetry("test", {});
    system = await aSystem({ poolBaseTarget: 2, vmCountMax, frontendCount: 2 });
    client = system.client;
    other = await TidepoolClient.connect(system.addresses[1] ?? "");
    await until(async () => {
      for await (const { pools } of client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
  });
  after(async () => {
    other.close();
    await system.stop();
    await telemetry.stop();
  });

  const aFunction = async (
    name: string,
    runMs: number,
    settings: Partial<FunctionSettings> = {},
  ): Promise<void> => {
    const environment = { SIMULATED_RUN_MS: String(runMs) };
    const all = { runtime: "nodejs20", handler: "index.handler", environment, ...settings };
    await client.createFunction(name, all);
    await client.uploadCode(name, echoZip);
    await until(async () => (await other.getFunction(name)).version === "1");
  };

  /** Sent once each: what is refused is not tried again here. */
  const callAtOnce = (count: number, name: string, by = client): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        by.invoke(name, index, { attemptsMax: 1 }).then(
          ({ payload }) => (payload === index ? "ok" : "wrong"),
          (error: unknown) => {
            assert.ok(error instanceof TidepoolError);
            return `${error.code} ${error.component} ${error.reason}`;
          },
        ),
      ),
    );
  const counted = (results: readonly string[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const result of results) counts[result] = (counts[result] ?? 0) + 1;
    return counts;
  };
  const tenant = (settings: TenantSettings) => client.updateTenant("default", settings);

  it("fails none of 50 first calls to a new function, on a host for 8 VMs", async () => {
    await aFunction("burst", 20);
    assert.deepEqual(counted(await callAtOnce(50, "burst")), { ok: 50 });
  });

  it("has VMs of other functions make room for a burst", async () => {
    await aFunction("burst-too", 20);
    assert.deepEqual(counted(await callAtOnce(20, "burst-too")), { ok: 20 });
  });

  it("gives each call of a single-use function a new VM, and leaves none behind", async () => {
    await aFunction("once", 0, { singleUse: true });
    const vmIds = new Set<string>();
    for (let count = 0; count < 4; count += 1) {
      const { vmId, start } = await client.invoke("once", count);
      assert.ok(start === "pool" || start === "cold", start);
      vmIds.add(vmId);
    }
    assert.equal(vmIds.size, 4);
    assert.deepEqual(counted(await callAtOnce(12, "once")), { ok: 12 });
  });

  it("says that every host is full when the call's time is over", async () => {
    await aFunction("hog", 4_000);
    await aFunction("late", 0);
    const hogs = callAtOnce(vmCountMax, "hog");
    await until(async () => {
      for await (const { pools } of client.watchPools())
        return (pools[0]?.busy ?? 0) === vmCountMax;
      return false;
    });
    await assert.rejects(client.invoke("late", 1, { timeoutMs: 500, attemptsMax: 1 }), {
      code: "noCapacity",
      reason: "hostsFull",
      component: "scheduler",
    });
    assert.deepEqual(counted(await hogs), { ok: vmCountMax });
  });

  it("runs as many calls as a function has reserved, and throttles one more", async () => {
    await aFunction("reserved", 1_500, { reservedConcurrency: 3 });
    assert.deepEqual(counted(await callAtOnce(3, "reserved")), { ok: 3 });
    assert.deepEqual(counted(await callAtOnce(4, "reserved")), {
      ok: 3,
      "throttled frontend reservedConcurrency": 1,
    });
  });

  it("stops a function at once, makes no version of it, and lets it go on", async () => {
    const { settings } = await client.getFunction("reserved");
    const stopped = await client.updateFunction("reserved", {
      ...settings,
      reservedConcurrency: 0,
    });
    assert.equal(stopped.version, "1");
    assert.deepEqual(await callAtOnce(1, "reserved"), ["throttled frontend functionStopped"]);
    await client.updateFunction("reserved", { ...settings, reservedConcurrency: 1 });
    assert.deepEqual(await callAtOnce(1, "reserved"), ["ok"]);
  });

  it("throttles a tenant's calls above its limit, and keeps free what is reserved", async () => {
    await aFunction("free", 1_500);
    await tenant({ concurrencyMax: 4 });
    assert.deepEqual(counted(await callAtOnce(4, "free")), {
      ok: 3,
      "throttled frontend tenantConcurrency": 1,
    });
    const results = await Promise.all([callAtOnce(4, "free"), callAtOnce(1, "reserved")]);
    assert.deepEqual(results.map(counted), [
      { ok: 3, "throttled frontend tenantConcurrency": 1 },
      { ok: 1 },
    ]);
    await tenant({});
  });

  it("throttles above a rate, with the time until the next call is let in", async () => {
    await aFunction("rated", 0, { rateLimit: { callsPerSecond: 0.2, burst: 2 } });
    assert.deepEqual(counted(await callAtOnce(3, "rated")), {
      ok: 2,
      "throttled frontend functionRate": 1,
    });
    const error: unknown = await client
      .invoke("rated", 1, { attemptsMax: 1 })
      .catch((thrown: unknown) => thrown);
    assert.ok(error instanceof TidepoolError && error.retryAfterMs !== undefined);
    assert.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 5_000, String(error.retryAfterMs));
    // The client waits as long as it is told, by itself.
    assert.equal((await client.invoke("rated", 2)).payload, 2);
  });

  it("counts the calls at one frontend towards the limits at another", async () => {
    await aFunction("shared", 0, { reservedConcurrency: 2 });
    const ending = new AbortController();
    const endless = { simulated: { runMs: 600_000 } };
    const options = { signal: ending.signal, attemptsMax: 1 };
    const calls = [1, 2].map(() => client.invoke("shared", endless, options));
    const ended = Promise.allSettled(calls);
    await until(
      async () =>
        (await callAtOnce(1, "shared", other))[0] === "throttled frontend reservedConcurrency",
    );
    ending.abort();
    for (const { status } of await ended) assert.equal(status, "rejected");
    await until(async () => (await callAtOnce(1, "shared", other))[0] === "ok");
  });

  it("refuses what cannot be set", async () => {
    await assert.rejects(tenant({ concurrencyMax: 100_001 }), { code: "invalid" });
    await assert.rejects(tenant({ rateLimit: { callsPerSecond: -1 } }), { code: "invalid" });
  });
});
