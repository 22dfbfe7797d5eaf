/** What owners do with schedules, over gRPC and in the real store. Their firing is the scheduler's. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { encodeProgress } from "@tidepool/schedules";
import { fromTimestamp, subjects, tidepool, tidepoolService, toTimestamp } from "@tidepool/proto";
import { Kvm } from "@nats-io/kv";
import { failed } from "./testing/a-client.ts";
import type { TestClient } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { schedulePayloadMaxBytes } from "./triggers/limits.ts";

type Settings = tidepool.v1.ScheduleSettings.$Properties;
const { putSchedule, getSchedule, listSchedules, deleteSchedule } = tidepoolService;
const { createFunction, deleteFunction, putSubscription, listSubscriptions } = tidepoolService;

describe("Schedules of a frontend", () => {
  let test: TestFrontend;
  let client: TestClient;
  const put = (name: string, settings: Settings, revision = "") =>
    client.call(putSchedule, { name, settings: { functionName: "job", ...settings }, revision });

  before(async () => {
    test = await aFrontend();
    client = test.client;
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    await client.call(createFunction, { name: "job", settings });
  });
  after(() => test.stop());

  it("are kept with all that was set, and tell their next ticks", async () => {
    const settings: Settings = {
      functionName: "job",
      qualifier: "live",
      cron: "0 30 2 * * *",
      timeZone: "Europe/Berlin",
      payload: Buffer.from('{"a":1}'),
      flexibleMinutes: 15,
      missed: tidepool.v1.MissedTicks.MISSED_TICKS_ONE,
      untilAt: toTimestamp(Date.now() + 2.5 * 86_400_000),
      description: "nightly",
    };
    const made = await put("nightly", settings);
    const got = await client.call(getSchedule, { name: "nightly" });
    assert.deepEqual(got, made);
    const { payload, untilAt, ...rest } = got.settings ?? {};
    assert.deepEqual(Buffer.from(payload ?? []).toString(), '{"a":1}');
    assert.equal(fromTimestamp(untilAt), fromTimestamp(settings.untilAt));
    for (const [name, value] of Object.entries(rest)) {
      const given = settings[name as keyof Settings];
      if (given !== undefined) assert.equal(value, given, name);
    }
    const offsetMs = got.offsetMs ?? -1;
    assert.ok(offsetMs >= 0 && offsetMs < 15 * 60_000);
    const starts = (got.nextAt ?? []).map((atMs) => fromTimestamp(atMs) ?? 0);
    assert.ok(starts.length === 2 || starts.length === 3);
    for (const startMs of starts) assert.equal((startMs - offsetMs) % 1_800_000, 0);
  });

  it("keep their offset while what makes them due stays, and their begin for ever", async () => {
    const first = await put("kept", { rateMs: 60_000, flexibleMinutes: 15 });
    const second = await put("kept", { rateMs: 60_000, flexibleMinutes: 15, description: "new" });
    assert.equal(second.offsetMs, first.offsetMs);
    assert.notEqual(second.revision, first.revision);
    assert.deepEqual(second.settings?.fromAt, first.settings?.fromAt);
  });

  it("are not set anew to an instant that has passed since they were made", async () => {
    const made = await put("late", { rateMs: 1_000 });
    const onceAt = toTimestamp((fromTimestamp(made.updatedAt) ?? 0) + 1);
    await until(() => Date.now() > (fromTimestamp(onceAt) ?? 0));
    assert.equal((await failed(put("late", { onceAt }))).code, "invalid");
    assert.equal((await put("late", { onceAt, isPaused: true })).nextAt?.length, 0);
  });

  it("are refused to who has seen an older one", async () => {
    const { revision = "" } = await put("guarded", { rateMs: 1_000 });
    await put("guarded", { rateMs: 2_000 }, revision);
    const { code } = await failed(put("guarded", { rateMs: 3_000 }, revision));
    assert.equal(code, "stale");
    assert.equal((await failed(put("other", { rateMs: 1_000 }, revision))).code, "stale");
  });

  it("are listed by name, of one function or of all, and are gone when deleted", async () => {
    await put("z", { rateMs: 1_000 });
    await put("a", { rateMs: 1_000 });
    const listed = await client.call(listSchedules, { functionName: "job" });
    const names = (listed.schedules ?? []).map(({ name }) => name ?? "");
    assert.deepEqual(names, names.toSorted());
    assert.ok(names.includes("a") && names.includes("z"));
    assert.deepEqual((await client.call(listSchedules, { functionName: "x" })).schedules, []);
    await client.call(deleteSchedule, { name: "z" });
    assert.equal((await failed(client.call(getSchedule, { name: "z" }))).code, "notFound");
    assert.equal((await failed(client.call(deleteSchedule, { name: "z" }))).code, "notFound");
  });

  it("tell what their last tick became, once its owner has told", async () => {
    const { updatedAt } = await put("told", { rateMs: 3_600_000 });
    const createdAtMs = fromTimestamp(updatedAt) ?? 0;
    const lastAtMs = createdAtMs + 7;
    const bucket = await new Kvm(test.bus.connection).open(subjects.buckets.scheduleProgress);
    const progress = { createdAtMs, settledAtMs: lastAtMs, lastAtMs, skipped: 0 };
    await bucket.put("told", encodeProgress({ ...progress, lastRequestId: "tick-1" }));
    await until(async () => {
      const { lastRequestId } = await client.call(getSchedule, { name: "told" });
      return lastRequestId === "tick-1";
    });
    // One of an earlier schedule of the same name says nothing of this one.
    await bucket.put("told", encodeProgress({ ...progress, createdAtMs: 1, lastRequestId: "x" }));
    await until(async () => {
      const { lastRequestId } = await client.call(getSchedule, { name: "told" });
      return lastRequestId === "";
    });
  });

  for (const [what, name, settings, words] of [
    ["a name that is none", "a.b", { rateMs: 1_000 }, /schedule name 'a\.b'/],
    ["nothing that says when", "s", {}, /one of cron, rate_ms and once_at/],
    ["a broken cron expression", "s", { cron: "* * *" }, /has 3 fields/],
    ["an unknown time zone", "s", { cron: "@daily", timeZone: "Mars/One" }, /Mars\/One/],
    ["a time zone for a rate", "s", { rateMs: 1_000, timeZone: "UTC" }, /for cron alone/],
    ["a rate below a second", "s", { rateMs: 999 }, /must be 1000 to/],
    ["an instant that is over", "s", { onceAt: toTimestamp(1) }, /no tick is left/],
    ["a window above its limit", "s", { rateMs: 1e6, flexibleMinutes: 1441 }, /at most 1440/],
    ["a payload that is no JSON", "s", { rateMs: 1e6, payload: Buffer.from("{") }, /not JSON/],
    ["a qualifier that is none", "s", { rateMs: 1e6, qualifier: "a b" }, /no version and no alias/],
  ] as const satisfies readonly (readonly [string, string, Settings, RegExp])[]) {
    it(`are refused with ${what}`, async () => {
      const { code, message } = await failed(put(name, settings));
      assert.equal(code, "invalid");
      assert.match(message ?? "", words);
    });
  }

  it("are refused with a payload over its limit, or for a function that is not there", async () => {
    const payload = Buffer.from(JSON.stringify("x".repeat(schedulePayloadMaxBytes)));
    assert.equal((await failed(put("s", { rateMs: 1e6, payload }))).code, "tooLarge");
    const other = { functionName: "nobody", rateMs: 1_000 };
    assert.equal((await failed(put("s", other))).code, "notFound");
  });

  it("are told and refused as ever while NATS is away", async () => {
    await put("lasting", { rateMs: 3_600_000 });
    await test.restartNats(async () => {
      const { schedules = [] } = await client.call(listSchedules, {});
      assert.ok(schedules.some(({ name }) => name === "lasting"));
      const { code } = await failed(put("lasting", { rateMs: 1_000 }));
      assert.equal(code, "unavailable");
    });
    assert.equal((await put("lasting", { rateMs: 7_200_000 })).settings?.rateMs, 7_200_000);
  });

  it("go with their function, and so do its subscriptions; those of others stay", async () => {
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    await client.call(createFunction, { name: "leaving", settings });
    const ofLeaving = { functionName: "leaving", subject: "left.*" };
    await put("leaves", { functionName: "leaving", rateMs: 60_000 });
    await put("remains", { rateMs: 60_000 });
    await client.call(putSubscription, { name: "listens", settings: ofLeaving });
    const gone = await client.call(deleteFunction, { name: "leaving" });
    assert.deepEqual([gone.schedules, gone.subscriptions], [["leaves"], ["listens"]]);
    const { schedules } = await client.call(listSchedules, {});
    const names = (schedules ?? []).map(({ name }) => name);
    assert.deepEqual([names.includes("leaves"), names.includes("remains")], [false, true]);
    assert.deepEqual((await client.call(listSubscriptions, {})).subscriptions ?? [], []);
  });
});
