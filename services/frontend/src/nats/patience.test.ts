/**
 * What could go wrong: a caller sees that a nats-server was lost, a write is made twice or taken for another's
 * because its answer was lost, or somebody waits for a server that has no others to take its place.
 */
import assert from "node:assert/strict";
import { JetStreamApiError } from "@nats-io/jetstream";
import type { KvEntry } from "@nats-io/kv";
import { systemClock, startTelemetry, TidepoolError } from "@tidepool/common";
import { callWaiting, withCallDeadline } from "../call-deadline.ts";
import { storeAgainMs, storeAttemptMs, storeWaitMaxMs } from "../limits.ts";
import { patiently, putPatiently } from "./patience.ts";

const cluster = { isConnected: true, replicas: 3 };
const silent = (): Promise<never> => Promise.reject(new Error("timeout"));

describe("patiently", () => {
  it("asks again while nobody answers, and says that it does", async () => {
    const asked: boolean[] = [];
    const answer = await patiently(cluster, "asking", (isAgain) => {
      asked.push(isAgain);
      return asked.length < 3 ? silent() : Promise.resolve("answer");
    });
    assert.equal(answer, "answer");
    assert.deepEqual(asked, [false, true, true]);
  });

  it("asks a single server once: nobody takes its place", async () => {
    let count = 0;
    const asking = patiently({ ...cluster, replicas: 1 }, "asking", () => {
      count += 1;
      return silent();
    });
    await assert.rejects(asking, { code: "unavailable", reason: "storeSilent" });
    assert.equal(count, 1);
  });

  it("does not ask again when it was refused", async () => {
    let count = 0;
    const asking = patiently(cluster, "asking", () => {
      count += 1;
      return Promise.reject(new TidepoolError("noCapacity", "the store is full"));
    });
    await assert.rejects(asking, { code: "noCapacity" });
    assert.equal(count, 1);
  });

  it("says why before its caller's time is over", async () => {
    const telemetry = await startTelemetry("test", {});
    try {
      const deadlineAtMs = systemClock.nowMs() + 500;
      const asking = withCallDeadline(deadlineAtMs, () => patiently(cluster, "asking", silent));
      await assert.rejects(asking, { code: "unavailable" });
    } finally {
      await telemetry.stop();
    }
  });
});

describe("patiently, for a call that needs several things", () => {
  let telemetry: Awaited<ReturnType<typeof startTelemetry>>;
  before(async () => (telemetry = await startTelemetry("test", {})));
  after(() => telemetry.stop());

  it("waits for all of them together no longer than for one", () =>
    withCallDeadline(undefined, async () => {
      callWaiting().troubledSinceMs = systemClock.nowMs() - storeWaitMaxMs;
      let count = 0;
      const asking = patiently(cluster, "asking", () => {
        count += 1;
        return silent();
      });
      await assert.rejects(asking, { code: "unavailable" });
      assert.ok(count <= storeAttemptMs / storeAgainMs + 1, `asked ${count} times`);
    }));

  it("has its whole patience again when the store answers at once", () =>
    withCallDeadline(undefined, async () => {
      let isAnswered = false;
      await patiently(cluster, "asking", () => {
        const answer = isAnswered ? Promise.resolve(1) : silent();
        isAnswered = true;
        return answer;
      });
      assert.ok(callWaiting().troubledSinceMs !== undefined, "it had to wait");
      await patiently(cluster, "asking", () => Promise.resolve(2));
      assert.equal(callWaiting().troubledSinceMs, undefined);
    }));
});

describe("putPatiently", () => {
  const value = Buffer.from("mine");
  const entry = { key: "k", value, revision: 4 };
  const lostRace = new JetStreamApiError({
    code: 400,
    err_code: 10_071,
    description: "wrong last sequence",
  });
  const bucketWith = (stored: string, isFirstSilent: boolean) => {
    let puts = 0;
    return {
      put: () => {
        puts += 1;
        return isFirstSilent && puts === 1 ? silent() : Promise.reject(lostRace);
      },
      get: () =>
        Promise.resolve({
          operation: "PUT",
          revision: 7,
          value: Buffer.from(stored) as Uint8Array,
        } as KvEntry),
    };
  };

  it("finds its own write whose answer was lost", async () => {
    const revision = await putPatiently(cluster, "writing", bucketWith("mine", true), entry);
    assert.equal(revision, 7);
  });

  it("does not take another's for its own", async () => {
    const other = bucketWith("another's", true);
    assert.equal(await putPatiently(cluster, "writing", other, entry), undefined);
    const faster = bucketWith("mine", false);
    assert.equal(await putPatiently(cluster, "writing", faster, entry), undefined);
  });
});
