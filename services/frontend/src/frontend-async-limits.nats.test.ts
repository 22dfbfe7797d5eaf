import assert from "node:assert/strict";
import { jetstreamManager } from "@nats-io/jetstream";
import { until } from "@tidepool/actors/testing";
import { subjects, tidepool, tidepoolService } from "@tidepool/proto";
import { fillKnownMs } from "./async/limits.ts";
import { failed } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";

const { InvocationStatus } = tidepool.v1;

describe("The stores of accepted calls", function () {
  let system: TestFrontend;

  before(async () => {
    system = await aFrontend();
    await system.aWarmFunction("echo", 4);
  });
  after(() => system.stop());

  const accept = (request: tidepool.v1.InvokeAsyncRequest.$Properties = {}) =>
    system.client.call(tidepoolService.invokeAsync, { name: "echo", ...request });
  const statusOf = async (requestId: string) =>
    (await system.client.call(tidepoolService.getInvocation, { requestId })).status;

  it("refuse a new call while one of them is nearly full, by name, and take it when there is room", async () => {
    const manager = await jetstreamManager(system.bus.connection);
    const { work } = subjects.streams;
    const { config } = await manager.streams.info(work);
    const waiting = await accept({ delayMs: 60_000, payload: Buffer.alloc(20_000, "1") });
    await manager.streams.update(work, { ...config, max_bytes: 40_000 });
    let refusal: tidepool.v1.Failure | undefined;
    await until(async () => {
      refusal = await failed(accept({ delayMs: 60_000 })).catch(() => undefined);
      return refusal !== undefined;
    }, fillKnownMs * 5);
    assert.equal(refusal?.code, "noCapacity");
    assert.match(refusal.message, /^the work queue is full: \d+ of 20000 bytes are taken$/);
    assert.ok((refusal.retryAfterMs ?? 0) > 0);
    const { requestId = "" } = waiting;
    const queuedCount = async () => (await manager.streams.info(work)).state.messages;
    const before = await queuedCount();
    await system.client.call(tidepoolService.cancelInvocation, { requestId });
    assert.equal(await queuedCount(), before - 1);
    await manager.streams.update(work, config);
    await until(async () => {
      const taken = await accept().catch(() => undefined);
      return taken?.requestId !== undefined;
    }, fillKnownMs * 5);
  });

  it("leave nothing behind of a call that did not fit into the queue", async () => {
    const manager = await jetstreamManager(system.bus.connection);
    const { work } = subjects.streams;
    const { config, state } = await manager.streams.info(work);
    // Room for what is said to be enough, not for this call.
    await manager.streams.update(work, { ...config, max_bytes: 2 * state.bytes + 30_000 });
    const requestId = "too-many-bytes";
    const refused = await failed(accept({ requestId, payload: Buffer.alloc(60_000, "1") }));
    assert.equal(refused.code, "noCapacity");
    const found = await failed(system.client.call(tidepoolService.getInvocation, { requestId }));
    assert.equal(found.code, "notFound");
    await manager.streams.update(work, config);
    assert.equal((await accept({ requestId, payload: Buffer.from("5") })).isDuplicate, false);
    await until(
      async () => (await statusOf(requestId)) === InvocationStatus.INVOCATION_STATUS_SUCCEEDED,
    );
  });

  it("know a call by its id, and refuse the id for a call of another function", async () => {
    await system.aWarmFunction("other");
    const { requestId = "" } = await accept();
    const again = await accept({ requestId });
    assert.deepEqual([again.requestId, again.isDuplicate], [requestId, true]);
    const failure = await failed(accept({ name: "other", requestId }));
    assert.equal(failure.code, "alreadyExists");
  });

  for (const [what, request, code] of [
    ["of a function that is not there", { name: "nobody" }, "notFound"],
    ["whose payload is no JSON", { payload: Buffer.from("{") }, "invalid"],
    ["with eleven retries", { retries: 11 }, "invalid"],
    ["put off for more than a day", { delayMs: 86_400_001 }, "invalid"],
    ["with an id that cannot stand in a subject", { requestId: "a.b" }, "invalid"],
  ] as const) {
    it(`get no call ${what}`, async () => {
      const failure = await failed(accept(request));
      assert.equal(failure.code, code);
      assert.notEqual(failure.requestId, "");
    });
  }
});
