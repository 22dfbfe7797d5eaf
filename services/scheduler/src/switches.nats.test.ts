/**
 * Prediction switched by function and tenant, and capped, while a shard runs on a real nats-server: what the
 * host is ordered, and what is recorded for people.
 */
import assert from "node:assert/strict";
import { ensureStorage } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { aNats, until } from "@tidepool/actors/testing";
import type { TestNats } from "@tidepool/actors/testing";
import { silentLogger, systemClock } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { Scheduler } from "./scheduler.ts";
import { TestHost } from "./testing/test-host.ts";

const { internal } = tidepool;
const { PREDICTION_OFF, PREDICTION_ON, PREDICTION_SHADOW } = tidepool.v1.Prediction;
const shardCount = 4;
const periodMs = 2_500;
const keepAliveMs = 4_000;

describe("Switches of prediction", () => {
  let nats: TestNats;
  let bus: Bus;
  let storage: Storage;
  let scheduler: Scheduler;
  let host: TestHost;
  let watching: Stoppable;
  let targets: number[];

  beforeEach(async () => {
    nats = await aNats("host");
    bus = nats.bus;
    storage = await ensureStorage(bus);
    targets = [];
    watching = bus.subscribe(subjects.warmingTargets, internal.v1.WarmingTargets, (message) => {
      targets.push(message.configs?.[0]?.target ?? 0);
    });
    host = new TestHost(bus);
    scheduler = new Scheduler({
      bus,
      storage,
      schedulerId: "s-1",
      shardCount,
      warmingPolicy: { base: 8, floor: 1, ceiling: 32 },
      logger: silentLogger,
    });
    await scheduler.start();
    await until(() => scheduler.heldShards().length === shardCount);
  });
  afterEach(async () => {
    await scheduler.stop();
    await host.stop();
    await watching.stop();
    await nats.stop();
  });

  const publish = async (
    name: string,
    more: tidepool.v1.FunctionSettings.$Properties = {},
  ): Promise<void> => {
    const settings = { runtime: "nodejs20", handler: "index.handler", keepAliveMs, ...more };
    const record = { function: { name, version: "1", codeDigest: "sha256:1", settings } };
    await storage.functions.put(name, internal.v1.FunctionRecord.encode(record).finish());
  };
  const setTenant = async (settings: tidepool.v1.TenantSettings.$Properties): Promise<void> => {
    const record = { tenant: { name: "default", settings } };
    await storage.tenants.put("default", internal.v1.TenantRecord.encode(record).finish());
  };
  const call = async (name: string, ...calls: { atMs: number; id?: string }[]): Promise<void> => {
    const arrivals = calls.map(({ atMs, id = "" }) => ({
      functionName: name,
      version: "1",
      requestId: id,
      at: toTimestamp(atMs),
    }));
    await storage.client.publish(
      subjects.arrivals(subjects.shardOf(name, shardCount)),
      internal.v1.ArrivalBatch.encode({ arrivals }).finish(),
    );
  };
  /** Ten calls, the last of them now. */
  const callPeriodically = async (name: string): Promise<number> => {
    const lastAtMs = Date.now();
    const ticks = Array.from({ length: 10 }, (_, i) => ({ atMs: lastAtMs - (9 - i) * periodMs }));
    await call(name, ...ticks);
    return lastAtMs;
  };
  /** It is told with the instant that it was due, however late it comes. */
  const callWhenDue = async (name: string, one: { atMs: number; id?: string }): Promise<void> => {
    await until(async () => (await forecastOf(name)).degree > 0);
    await systemClock.sleep(one.atMs - Date.now());
    await call(name, one);
  };
  const forecastOf = async (name: string): Promise<tidepool.v1.GetForecastResponse> => {
    const reply = await bus.request(
      "get forecast",
      subjects.getForecast(subjects.shardOf(name, shardCount)),
      { codec: internal.v1.ForecastRequest, message: { functionName: name } },
      tidepool.v1.GetForecastResponse,
    );
    return tidepool.v1.GetForecastResponse.create(reply);
  };
  const expectationOf = async (requestId: string): Promise<tidepool.v1.CallExpectation> => {
    let bytes: Uint8Array | undefined;
    await until(async () => {
      const query = { last_by_subj: subjects.callExpectation(requestId) };
      bytes = (await storage.manager.streams.getMessage(subjects.streams.calls, query))?.data;
      return bytes !== undefined;
    });
    return tidepool.v1.CallExpectation.decode(bytes ?? new Uint8Array());
  };

  it("orders, releases and cuts nothing in shadow, and records what it would have done", async () => {
    await publish("tick", { prediction: PREDICTION_SHADOW });
    await until(() => targets.at(-1) === 8);
    let dueAtMs = await callPeriodically("tick");
    for (let round = 1; round <= 2; round += 1) {
      dueAtMs += periodMs;
      await callWhenDue("tick", { atMs: dueAtMs, id: `r-${round}` });
    }
    const { prewarm, window, prediction, degree } = await expectationOf("r-2");
    assert.equal(prediction, PREDICTION_SHADOW);
    assert.ok(degree > 0.5 && window !== null);
    assert.deepEqual([prewarm?.isShadow, prewarm?.vmIds], [true, []]);
    assert.deepEqual([host.assigns, host.keeps], [[], []]);
    assert.ok(
      targets.every((target) => target >= 8),
      String(targets),
    );
    const { recent, comparison, plan } = await forecastOf("tick");
    assert.ok(
      recent.some(
        ({ wasShadow, wasPrepared, calledAt }) => wasShadow && wasPrepared && calledAt !== null,
      ),
    );
    assert.ok((comparison?.preparedWindows ?? 0) >= 2);
    assert.match(plan.join(), /in shadow: VMs are kept 4 s/);
  });

  it("has the fixed keep-alive alone when a function or its tenant says off, and acts again at once", async () => {
    await setTenant({ prediction: PREDICTION_OFF });
    await publish("tick");
    await publish("own", { prediction: PREDICTION_ON });
    await until(async () => {
      const { prediction } = await forecastOf("tick");
      return prediction === PREDICTION_OFF;
    });
    await Promise.all([callPeriodically("tick"), callPeriodically("own")]);
    await until(() => host.assigns.some(({ name }) => name === "own"));
    assert.deepEqual((await forecastOf("tick")).windows, []);
    assert.ok(host.assigns.every(({ name }) => name === "own"));
    await setTenant({ prediction: PREDICTION_ON });
    await callPeriodically("tick");
    await until(() => host.assigns.some(({ name }) => name === "tick"));
  });

  it("pre-warms nothing over the tenant's cap, says so, and goes on when the cap is raised", async () => {
    await setTenant({ prewarmIdleVmSecondsMax: 0.001 });
    await publish("tick");
    await until(async () => ((await forecastOf("tick")).tenantCap?.max ?? 0) < 1);
    const lastAtMs = await callPeriodically("tick");
    await callWhenDue("tick", { atMs: lastAtMs + periodMs, id: "capped" });
    const { notPreparedBecause, prewarm } = await expectationOf("capped");
    assert.match(notPreparedBecause, /tenant default have idled 0 of at most 0 VM-seconds/);
    assert.equal(prewarm, null);
    assert.deepEqual([host.assigns, host.keeps], [[], []], "nothing is released early either");
    assert.match((await forecastOf("tick")).plan.join(), /is not prepared: .*tenant default/);
    await setTenant({ prewarmIdleVmSecondsMax: 100 });
    await callPeriodically("tick");
    await until(() => host.assigns.length > 0);
    await until(async () => ((await forecastOf("tick")).tenantCap?.used ?? 0) > 0);
  });

  it("prepares nothing where a cold start is worth less than the wait", async () => {
    await publish("cheap", { coldStartCost: 0.05 });
    await publish("dear");
    await Promise.all([callPeriodically("cheap"), callPeriodically("dear")]);
    await until(() => host.assigns.length > 0);
    await systemClock.sleep(periodMs);
    assert.ok(host.assigns.every(({ name }) => name === "dear"));
    const { plan, coldStartCost, coldStartCostFrom } = await forecastOf("cheap");
    assert.deepEqual([coldStartCost, coldStartCostFrom], [0.05, "function"]);
    assert.match(plan.join(), /not prepared: a VM would be expected to idle longer/);
  });

  it("remembers how windows went after a restart", async () => {
    await publish("tick");
    const lastAtMs = await callPeriodically("tick");
    await callWhenDue("tick", { atMs: lastAtMs + periodMs });
    await until(async () => (await forecastOf("tick")).recent.length > 0);
    const { recent } = await forecastOf("tick");
    await scheduler.stop();
    scheduler = new Scheduler({
      bus,
      storage,
      schedulerId: "s-1",
      shardCount,
      warmingPolicy: { base: 8, floor: 1, ceiling: 32 },
      logger: silentLogger,
    });
    await scheduler.start();
    await until(async () => {
      const again = await forecastOf("tick").catch(() => undefined);
      return again?.recent.at(-1)?.calledAt?.nanos === recent.at(-1)?.calledAt?.nanos;
    });
  });
});
