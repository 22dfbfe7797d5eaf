import assert from "node:assert/strict";
import { headers } from "@nats-io/nats-core";
import { silentLogger, systemClock } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { arrivalBatchMax, arrivalBufferMax } from "../limits.ts";
import { ArrivalPublisher } from "./arrivals.ts";

/** A stream that stores, or refuses while `isBroken`, or is away. */
function aStream() {
  const stored = new Map<string, tidepool.internal.v1.ArrivalBatch.$Properties>();
  const sent: string[] = [];
  const state = { isConnected: true, isBroken: false };
  const publisher = new ArrivalPublisher({
    bus: {
      get isConnected() {
        return state.isConnected;
      },
      outgoingHeaders: () => headers(),
    },
    client: {
      publish: (subject, data, options) => {
        sent.push(options?.msgID ?? "");
        if (state.isBroken) return Promise.reject(new Error("no answer"));
        const batch = tidepool.internal.v1.ArrivalBatch.decode(data as Uint8Array);
        stored.set(`${subject} ${options?.msgID}`, batch);
        return Promise.resolve({ stream: "s", domain: "", seq: 1, duplicate: false });
      },
    },
    shardCount: 64,
    logger: silentLogger,
  });
  const requestIds = (): (string | undefined)[] =>
    [...stored.values()].flatMap(({ arrivals = [] }) => arrivals.map((one) => one.requestId));
  return { publisher, state, stored, sent, requestIds };
}

const anArrival = (requestId: string, functionName = "f") => ({
  functionName,
  version: "1",
  requestId,
  atMs: 1_000,
});

/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

async function until(claim: () => boolean): Promise<void> {
  const deadlineAtMs = Date.now() + conditionMaxMs;
  while (!claim()) {
    assert.ok(Date.now() < deadlineAtMs, `not in time: ${claim.toString()}`);
    await systemClock.sleep(5);
  }
}

describe("ArrivalPublisher", () => {
  it("stores calls that come together in one message of their function's shard", async () => {
    const { publisher, stored, requestIds } = aStream();
    for (const id of ["a", "b", "c"]) publisher.add(anArrival(id));
    await until(() => publisher.bufferedCount === 0);
    assert.equal(stored.size, 1);
    assert.deepEqual(requestIds(), ["a", "b", "c"]);
    const subject = subjects.arrivals(subjects.shardOf("f", 64));
    assert.ok([...stored.keys()][0]?.startsWith(`${subject} `));
  });

  it("sends what was not acknowledged again with the same id", async () => {
    const { publisher, state, sent, requestIds } = aStream();
    state.isBroken = true;
    publisher.add(anArrival("a"));
    await until(() => sent.length === 1);
    state.isBroken = false;
    await until(() => publisher.bufferedCount === 0);
    assert.equal(new Set(sent).size, 1);
    assert.deepEqual(requestIds(), ["a"]);
  });

  it("keeps arrivals while NATS is away and stores them when it is back", async () => {
    const { publisher, state, sent, requestIds } = aStream();
    state.isConnected = false;
    for (let index = 0; index <= arrivalBatchMax; index++) publisher.add(anArrival(`r-${index}`));
    await systemClock.sleep(100);
    assert.equal(sent.length, 0);
    state.isConnected = true;
    await until(() => publisher.bufferedCount === 0);
    assert.equal(requestIds().length, arrivalBatchMax + 1);
  });

  it("drops the oldest of more than the buffer holds, and counts them", async () => {
    const { publisher, state, requestIds } = aStream();
    state.isConnected = false;
    for (let index = 0; index < arrivalBufferMax + 1; index++) {
      publisher.add(anArrival(`r-${index}`));
    }
    assert.ok(publisher.bufferedCount <= arrivalBufferMax);
    assert.ok(publisher.droppedCount > 0);
    state.isConnected = true;
    await until(() => publisher.bufferedCount === 0);
    assert.equal(requestIds().length + publisher.droppedCount, arrivalBufferMax + 1);
    assert.ok(requestIds().includes(`r-${arrivalBufferMax}`));
    assert.ok(!requestIds().includes("r-0"));
  });

  it("stores what still waits when it stops", async () => {
    const { publisher, requestIds } = aStream();
    publisher.add(anArrival("last"));
    await publisher.stop();
    assert.deepEqual(requestIds(), ["last"]);
  });
});
