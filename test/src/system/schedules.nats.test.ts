/**
 * Schedules through the whole system, with simulated VMs and the real clock: each tick becomes one call, in a VM that
 * was made ready for it, while shards change their owners and NATS restarts.
 */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { startTelemetry, systemClock } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { tickRequestId } from "@tidepool/schedules";
import type { AcceptedCall, Schedule, TidepoolClient } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };

interface TickEvent {
  readonly id: string;
  readonly time: string;
  readonly source: string;
  readonly data: unknown;
}

describe("Schedules of a system over simulated VMs", function () {
  let telemetry: Telemetry;
  let system: TestSystem;
  let client: TidepoolClient;

  before(async () => {
    telemetry = await startTelemetry("test", {});
    system = await aSystem();
    client = system.client;
    await until(async () => {
      for await (const { pools } of client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
  });
  after(async () => {
    await system.stop();
    await telemetry.stop();
  });

  const aFunction = async (name: string): Promise<void> => {
    await client.createFunction(name, settings);
    await client.uploadCode(name, echoZip);
  };
  /** The calls that ticks became, as they are told of, each with its event. */
  const follow = async (name: string, count: number): Promise<AcceptedCall[]> => {
    const calls = new Map<string, AcceptedCall>();
    await until(async () => {
      const { lastRequestId = "" } = await client.schedules.get(name);
      if (lastRequestId !== "" && !calls.has(lastRequestId)) {
        calls.set(lastRequestId, await client.waitForInvocation(lastRequestId));
      }
      return calls.size >= count;
    });
    return [...calls.values()];
  };

  it("call a function at a single instant, in a VM made ready for it, with a CloudEvent", async () => {
    await aFunction("once");
    const atMs = Date.now() + 6_000;
    const made = await client.schedules.put("once", {
      functionName: "once",
      when: { atMs },
      payload: { a: 1 },
    });
    assert.deepEqual(made.nextAtMs, [atMs]);
    const forecast = await client.getForecast("once");
    assert.equal(forecast.degree, 1);
    assert.match(forecast.evidence[0] ?? "", /declared by schedule once/);
    const [call] = await follow("once", 1);
    assert.equal(call?.status, "succeeded");
    assert.equal(call?.response?.start, "predicted");
    const event = call?.payload as TickEvent;
    assert.equal(event.time, new Date(atMs).toISOString());
    assert.deepEqual([event.source, event.data], ["/tidepool/schedules/once", { a: 1 }]);
    const after: Schedule = await client.schedules.get("once");
    assert.deepEqual(after.nextAtMs, []);
    assert.ok((after.lastAtMs ?? 0) >= atMs);
  });

  it("call it at each tick of a rate, once and never cold, though NATS restarts", async () => {
    await aFunction("steady");
    const everyMs = 2_000;
    const fromAtMs = Date.now() + 6_000;
    const settings = {
      functionName: "steady",
      when: { everyMs },
      fromAtMs,
      missed: "all",
    } as const;
    const { updatedAtMs: createdAtMs } = await client.schedules.put("steady", settings);
    await follow("steady", 3);
    await system.restartNats(() => systemClock.sleep(2_500));
    await follow("steady", 4);
    await client.schedules.put("steady", { ...settings, isPaused: true });
    const { lastAtMs = 0 } = await client.schedules.get("steady");
    const starts: string[] = [];
    for (let atMs = fromAtMs; atMs <= lastAtMs; atMs += everyMs) {
      const id = tickRequestId({ name: "steady", createdAtMs }, atMs);
      const { status, payload, response } = await client.waitForInvocation(id);
      assert.equal(status, "succeeded");
      assert.equal((payload as TickEvent).time, new Date(atMs).toISOString());
      starts.push(response?.start ?? "");
    }
    assert.ok(starts.length >= 5, starts.join(" "));
    // Those that came while NATS was away are made up for at once, and not where VMs wait for them.
    for (const start of starts.slice(0, 3)) assert.match(start, /predicted|warm/);
  });

  it("end with what they call, and are told of by name", async () => {
    const listed = await client.schedules.list("once");
    assert.deepEqual(
      listed.map(({ name }) => name),
      ["once"],
    );
    await client.schedules.delete("once");
    assert.deepEqual(await client.schedules.list("once"), []);
  });
});
