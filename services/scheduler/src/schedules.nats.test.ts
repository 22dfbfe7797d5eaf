/**
 * Schedules while their shards change owners, on a real nats-server and by the real clock: schedulers come, go and are
 * killed. Each tick must be asked for, and all askers must mean the same call.
 */
import assert from "node:assert/strict";
import { ensureStorage } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import { aNats, until } from "@tidepool/actors/testing";
import type { TestNats } from "@tidepool/actors/testing";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { encodeSchedule, tickRequestId } from "@tidepool/schedules";
import type { StoredSchedule } from "@tidepool/schedules";
import { Scheduler } from "./scheduler.ts";

const { InvokeAsyncRequest, InvokeAsyncResponse } = tidepool.v1;
const shardCount = 16;
const scheduleCount = 8;
const everyMs = 1_000;

describe("Schedules over changes of owners", function () {
  let nats: TestNats;
  const start = async (schedulerId: string): Promise<{ scheduler: Scheduler; bus: Bus }> => {
    const bus = await nats.connect();
    const scheduler = new Scheduler({
      bus,
      storage: await ensureStorage(bus),
      schedulerId,
      shardCount,
      warmingPolicy: { base: 1, floor: 1, ceiling: 1 },
      logger: silentLogger,
    });
    await scheduler.start();
    return { scheduler, bus };
  };

  before(async () => {
    nats = await aNats();
  });
  after(async () => {
    await nats.stop();
  });

  it("make one call of each tick, and leave none out", async () => {
    const { bus } = nats;
    const storage = await ensureStorage(bus);
    const asked = new Map<string, number>();
    bus.serve(
      "accept call",
      subjects.acceptCall,
      InvokeAsyncRequest,
      InvokeAsyncResponse,
      ({ requestId = "" }) => {
        asked.set(requestId, (asked.get(requestId) ?? 0) + 1);
        return Promise.resolve(InvokeAsyncResponse.create({ requestId }));
      },
    );
    const createdAtMs = Math.ceil(Date.now() / 1_000) * 1_000;
    const schedules = Array.from({ length: scheduleCount }, (_, index): StoredSchedule => ({
      name: `s-${index}`,
      functionName: `f-${index}`,
      qualifier: "",
      ticks: { everyMs, fromAtMs: createdAtMs },
      payload: new Uint8Array(),
      windowMs: 0,
      offsetMs: 0,
      missed: "all",
      isPaused: false,
      description: "",
      createdAtMs,
      updatedAtMs: createdAtMs,
    }));
    for (const schedule of schedules) {
      await storage.schedules.put(schedule.name, encodeSchedule(schedule));
    }
    const first = await start("s-1");
    await until(() => asked.size >= scheduleCount);
    const second = await start("s-2");
    await until(() => second.scheduler.heldShards().length > 0);
    await first.scheduler.stop();
    await until(() => second.scheduler.heldShards().length === shardCount);
    const third = await start("s-3");
    await until(() => third.scheduler.heldShards().length > 0);
    // As if its process was killed: nothing is given back, others find out.
    await second.bus.connection.close();
    await until(() => third.scheduler.heldShards().length === shardCount);
    const ticksUntil = (untilMs: number): readonly string[] =>
      schedules.flatMap((schedule) => {
        const count = Math.floor((untilMs - createdAtMs) / everyMs);
        const tick = (index: number): string =>
          tickRequestId(schedule, createdAtMs + (index + 1) * everyMs);
        return Array.from({ length: count }, (_, index) => tick(index));
      });
    const meant = ticksUntil(Date.now());
    assert.ok(meant.length >= 4 * scheduleCount, `${meant.length} ticks`);
    await until(() => meant.every((id) => asked.has(id)));
    await third.scheduler.stop();
    await second.scheduler.stop();
    const possible = new Set(ticksUntil(Date.now()));
    assert.deepEqual(
      [...asked.keys()].filter((id) => !possible.has(id)),
      [],
      "only ticks are asked for",
    );
  });
});
