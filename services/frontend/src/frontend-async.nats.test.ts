import assert from "node:assert/strict";
import { connectBus } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { silentLogger } from "@tidepool/common";
import { tidepool, tidepoolService } from "@tidepool/proto";
import { payloadMaxBytes } from "./limits.ts";
import { Frontend } from "./frontend.ts";
import { failed, TestClient } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { echo } from "./testing/a-host.ts";
import type { SeenCall } from "./testing/a-host.ts";

const { InvocationStatus } = tidepool.v1;

type Ask = tidepool.v1.InvokeAsyncRequest.$Properties;
type Invocation = tidepool.v1.Invocation.$Properties;

describe("Accepted calls", () => {
  let system: TestFrontend;

  before(async () => {
    system = await aFrontend();
    await system.aWarmFunction("echo", 4);
  });
  after(() => system.stop());
  beforeEach(() => {
    system.host.react = echo;
    system.host.calls.length = 0;
  });

  const accept = (request: Ask = {}) =>
    system.client.call(tidepoolService.invokeAsync, {
      name: "echo",
      payload: Buffer.from('{"n":1}'),
      ...request,
    });
  const get = (requestId: string): Promise<Invocation> =>
    system.client.call(tidepoolService.getInvocation, { requestId });
  const ended = async (requestId: string): Promise<Invocation> => {
    let last: Invocation = {};
    await until(async () => ((last = await get(requestId)).endedAt ?? null) !== null);
    return last;
  };
  const fail =
    (code: string, times: number) =>
    (seen: SeenCall): void => {
      if (system.host.calls.length > times) return echo(seen);
      const failure = { code, message: `failed with ${code}`, component: "function" };
      seen.answer({ failure: { callId: seen.start.callId ?? 0, failure, vmId: "vm-1" } });
    };

  it("are answered with an id, and their result is there afterwards", async () => {
    const { requestId = "" } = await accept();
    const { status, payload, attempts, response } = await ended(requestId);
    assert.equal(status, InvocationStatus.INVOCATION_STATUS_SUCCEEDED);
    assert.equal(Buffer.from(payload ?? []).toString(), '{"n":1}');
    assert.equal(attempts, 1);
    assert.equal(response?.version, "1");
  });

  it("wait for a VM of their version that is done soon, and have one made when none is", async () => {
    await system.aWarmFunction("busy", 1);
    const held: SeenCall[] = [];
    system.host.react = (seen) => void held.push(seen);
    system.acquires.length = 0;
    const ids = await Promise.all(
      [1, 2].map(async () => (await accept({ name: "busy" })).requestId ?? ""),
    );
    await until(() => held.length === 1);
    system.host.react = echo;
    const [first] = held;
    assert.ok(first);
    echo(first);
    await Promise.all(ids.map((id) => ended(id)));
    assert.equal(system.acquires.length, 0);
    system.host.react = (seen) => void held.push(seen);
    const stuck = [await accept({ name: "busy" }), await accept({ name: "busy" })];
    await until(() => system.acquires.length === 1);
    await until(() => held.length === 3);
    for (const seen of held.slice(1)) echo(seen);
    await Promise.all(stuck.map(({ requestId = "" }) => ended(requestId)));
  });

  it("carry payloads and results to the limit of a waiting caller's", async () => {
    const largest = Buffer.alloc(payloadMaxBytes, "x");
    largest[0] = largest[largest.length - 1] = 0x22;
    const { requestId = "" } = await accept({ payload: largest });
    const { payload } = await ended(requestId);
    assert.ok(largest.equals(payload ?? Buffer.alloc(0)));
    const failure = await failed(accept({ payload: Buffer.concat([largest, Buffer.from(" ")]) }));
    assert.equal(failure.code, "tooLarge");
  });

  it("are tried again after a failure, as often as they may be", async () => {
    system.host.react = fail("functionError", 2);
    const good = await ended((await accept({ retries: 2 })).requestId ?? "");
    assert.equal(good.status, InvocationStatus.INVOCATION_STATUS_SUCCEEDED);
    assert.equal(good.attempts, 3);
    system.host.calls.length = 0;
    system.host.react = fail("functionError", 9);
    const bad = await ended((await accept({ retries: 1 })).requestId ?? "");
    assert.equal(bad.status, InvocationStatus.INVOCATION_STATUS_FAILED);
    assert.equal(bad.failure?.code, "functionError");
    assert.equal(system.host.calls.length, 2);
  });

  it("with a key that is known are not accepted again, but answered with the known call", async () => {
    const both = await Promise.all([accept({ dedupeKey: "k-1" }), accept({ dedupeKey: "k-1" })]);
    const [first, second] = both.map(({ requestId }) => requestId);
    assert.equal(first, second);
    assert.equal(both.filter(({ isDuplicate }) => isDuplicate).length, 1);
    await ended(first ?? "");
    assert.equal((await accept({ dedupeKey: "k-1" })).requestId, first);
    assert.equal(system.host.calls.length, 1);
    assert.notEqual((await accept({ dedupeKey: "k-2" })).requestId, first);
  });

  it("that are cancelled are not begun, or ended on their host", async () => {
    const later = (await accept({ delayMs: 3_600_000 })).requestId ?? "";
    const cancel = (requestId: string) =>
      system.client.call(tidepoolService.cancelInvocation, { requestId });
    assert.equal((await cancel(later)).status, InvocationStatus.INVOCATION_STATUS_CANCELLED);
    system.host.react = () => {};
    const running = (await accept()).requestId ?? "";
    await until(() => system.host.calls.length === 1);
    const cancelledBefore = system.host.cancelled.length;
    await cancel(running);
    await until(() => system.host.cancelled.length > cancelledBefore);
    assert.equal((await get(running)).status, InvocationStatus.INVOCATION_STATUS_CANCELLED);
  });

  it("that have failed are listed, accepted anew, and thrown away", async () => {
    await system.client.call(tidepoolService.purgeDeadLetters, {});
    system.host.react = fail("functionError", 9);
    const { requestId = "" } = await accept({ retries: 0 });
    await ended(requestId);
    const list = () =>
      system.client.call(tidepoolService.listDeadLetters, { functionName: "echo" });
    await until(async () => ((await list()).letters ?? []).length === 1);
    const [letter] = (await list()).letters ?? [];
    assert.equal(letter?.invocation?.requestId, requestId);
    assert.equal(Buffer.from(letter?.payload ?? []).toString(), '{"n":1}');
    system.host.react = echo;
    const redriven = await system.client.call(tidepoolService.redriveDeadLetters, {});
    assert.equal(redriven.count, 1);
    const anew = await ended(redriven.requestIds?.[0] ?? "");
    assert.equal(anew.status, InvocationStatus.INVOCATION_STATUS_SUCCEEDED);
    assert.deepEqual((await list()).letters, []);
  });

  it("are ended where their frontend stops, and begun again by another", async function () {
    system.host.react = () => {};
    const { requestId = "" } = await accept();
    await until(() => system.host.calls.length === 1);
    const bus = await connectBus({
      servers: system.bus.connection.getServer(),
      name: "another frontend",
      component: "frontend",
      logger: silentLogger,
    });
    const config = { address: "127.0.0.1:0", shardCount: 4 };
    const other = new Frontend({ config, bus, logger: silentLogger });
    const { address } = await other.start();
    await system.frontend.stop();
    assert.equal(system.host.cancelled.length > 0, true);
    system.host.react = echo;
    const client = new TestClient(address);
    let last: Invocation = {};
    await until(async () => {
      last = await client.call(tidepoolService.getInvocation, { requestId });
      return (last.endedAt ?? null) !== null;
    });
    client.grpc.close();
    await other.stop();
    await bus.close();
    assert.equal(last.status, InvocationStatus.INVOCATION_STATUS_SUCCEEDED);
    assert.equal(last.attempts, 2);
    assert.equal(system.host.calls.length, 2);
  });
});

describe("Accepted calls that find no VM", () => {
  let system: TestFrontend;

  before(async () => {
    system = await aFrontend();
    await system.aWarmFunction("echo", 4);
  });
  after(() => system.stop());

  const ended = async (requestId: string): Promise<Invocation> => {
    let last: Invocation = {};
    await until(async () => {
      last = await system.client.call(tidepoolService.getInvocation, { requestId });
      return (last.endedAt ?? null) !== null;
    });
    return last;
  };

  it("wait when nothing can be run, and use up no retry", async () => {
    system.host.react = (seen) => {
      if (system.host.calls.length > 6) return echo(seen);
      const failure = { code: "noCapacity", message: "full", component: "host" };
      seen.answer({ refused: { callId: seen.start.callId ?? 0, failure } });
    };
    const { status, attempts } = await ended(
      (
        await system.client.call(tidepoolService.invokeAsync, {
          name: "echo",
          payload: Buffer.from("1"),
          retries: 0,
        })
      ).requestId ?? "",
    );
    assert.equal(status, InvocationStatus.INVOCATION_STATUS_SUCCEEDED);
    assert.equal(attempts, 1);
  });
});
