import assert from "node:assert/strict";
import { once } from "node:events";
import { until } from "@tidepool/actors/testing";
import { startTelemetry } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import {
  fromTimestamp,
  healthService,
  subjects,
  tidepool,
  tidepoolService,
  toTimestamp,
} from "@tidepool/proto";
import { acquireAttemptsMax, drainMaxMs, payloadMaxBytes } from "./limits.ts";
import { failed, failureOf, TestClient } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { echo, refuse } from "./testing/a-host.ts";
import { anArchive } from "./testing/an-archive.ts";

const service = tidepoolService;
const settings = { runtime: "nodejs20", handler: "index.handler" };
const { Start } = tidepool.v1;

describe("Frontend", () => {
  let telemetry: Telemetry;
  let test: TestFrontend;
  let client: TestClient;
  let functionCount = 0;
  const aName = (): string => `f-${++functionCount}`;

  before(async () => {
    telemetry = await startTelemetry("test", {});
    test = await aFrontend();
    client = test.client;
  });
  after(async () => {
    await test.stop();
    await telemetry.stop();
  });
  beforeEach(() => {
    test.host.react = echo;
    test.host.calls.length = 0;
    test.host.cancelled.length = 0;
    test.acquires.length = 0;
  });

  describe("brings calls to VMs", () => {
    it("sends a call to a known idle VM without asking the scheduler", async () => {
      const name = aName();
      await test.aWarmFunction(name);
      const answer = await client.invoke(name, { a: 1 });
      assert.deepEqual(JSON.parse(Buffer.from(answer.payload ?? []).toString()), { a: 1 });
      assert.equal(answer.start, Start.START_WARM);
      assert.equal(answer.hostId, "h-1");
      assert.equal(answer.version, "1");
      assert.equal(answer.stages?.runMs, 0.5);
      assert.ok((answer.stages?.routingMs ?? 0) > 0);
      assert.equal(test.acquires.length, 0);
      assert.match(test.host.calls[0]?.start.traceparent ?? "", /^00-[0-9a-f]{32}-/);
    });

    it("acquires a VM when none is known to be idle, and calls the one it got", async () => {
      const name = aName();
      await test.aWarmFunction(name, 0);
      const answer = await client.invoke(name, null);
      assert.equal(test.acquires.length, 1);
      assert.equal(test.acquires[0]?.requestId, answer.requestId);
      assert.equal(test.acquires[0]?.function?.version, "1");
      assert.equal(test.host.calls[0]?.start.vmId, `vm-for-${answer.requestId}`);
    });

    it("acquires a VM after the host refused", async () => {
      const name = aName();
      await test.aWarmFunction(name);
      test.host.react = (call) => (call.start.vmId ? echo : refuse("noCapacity"))(call);
      await client.invoke(name, null);
      assert.equal(test.acquires.length, 1);
      assert.equal(test.host.calls.length, 2);
    });

    it("gives up after acquireAttemptsMax refusals, with the host's reason", async () => {
      const name = aName();
      await test.aWarmFunction(name, 0);
      test.host.react = refuse("noCapacity");
      const failure = await failed(client.invoke(name, null));
      assert.equal(failure.code, "noCapacity");
      assert.equal(failure.retryable, true);
      assert.equal(test.acquires.length, acquireAttemptsMax);
    });

    it("does not ask again after a refusal that is about the function", async () => {
      const name = aName();
      await test.aWarmFunction(name, 0);
      test.host.react = refuse("functionError");
      assert.equal((await failed(client.invoke(name, null))).code, "functionError");
      assert.equal(test.acquires.length, 1);
    });

    it("never repeats a call that failed after its start, and tells all that is known", async () => {
      const name = aName();
      await test.aWarmFunction(name);
      const thrown = { name: "RangeError", message: "too deep", stack: "RangeError\n at x" };
      test.host.react = ({ start, answer }) =>
        answer({
          failure: {
            callId: start.callId ?? 0,
            failure: { code: "functionError", message: "threw", component: "function", thrown },
            start: Start.START_WARM,
            stages: { runMs: 3 },
            vmId: "vm-1",
          },
        });
      const failure = await failed(client.invoke(name, null));
      assert.equal(failure.code, "functionError");
      assert.equal(failure.component, "function");
      const { name: threw, message, stack } = failure.thrown ?? {};
      assert.deepEqual({ name: threw, message, stack }, thrown);
      assert.equal(failure.start, Start.START_WARM);
      assert.equal(failure.stages?.runMs, 3);
      assert.notEqual(failure.requestId, "");
      assert.equal(test.host.calls.length, 1);
      assert.equal(test.acquires.length, 0);
    });

    it("carries 5 MiB there and back while small calls pass", async () => {
      const name = aName();
      await test.aWarmFunction(name, 10);
      const large = "x".repeat(5 * 1024 * 1024);
      const [answer, ...small] = await Promise.all([
        client.invoke(name, large.replace(/^x(.*)x$/, '"$1"')),
        ...Array.from({ length: 5 }, (_, index) => client.invoke(name, index)),
      ]);
      assert.equal(answer?.payload?.length, large.length);
      assert.deepEqual(
        small.map(({ payload }) => Buffer.from(payload ?? []).toString()),
        ["0", "1", "2", "3", "4"],
      );
    });

    it("tells the host when the caller cancels", async () => {
      const name = aName();
      await test.aWarmFunction(name);
      test.host.react = () => {};
      const gone = new AbortController();
      const answer = client.invoke(name, null, { signal: gone.signal });
      answer.catch(() => {});
      await until(() => test.host.calls.length === 1);
      gone.abort();
      await until(() => test.host.cancelled.length === 1);
      assert.equal(test.host.cancelled[0], test.host.calls[0]?.start.callId);
    });

    it("passes the caller's deadline on, and answers before it with a reason", async () => {
      const name = aName();
      await test.aWarmFunction(name);
      test.host.react = () => {};
      const failure = await failed(client.invoke(name, null, { timeoutMs: 1_500 }));
      assert.equal(failure.code, "timeout");
      assert.match(failure.message, new RegExp(name));
      const { deadlineMs = 0, timeoutMs } = test.host.calls[0]?.start ?? {};
      assert.ok(deadlineMs > 0 && deadlineMs <= 1_500, `${deadlineMs} ms`);
      assert.equal(timeoutMs, 30_000);
      await until(() => test.host.cancelled.length === 1);
    });

    it("does not repeat a call whose host went away in the middle", async () => {
      const other = await aFrontend();
      try {
        await other.aWarmFunction("f");
        other.host.react = () => other.host.stop();
        const failure = await failed(other.client.invoke("f", null));
        assert.equal(failure.code, "unavailable");
        assert.equal(failure.retryable, false);
        assert.equal(other.acquires.length, 0);
      } finally {
        await other.stop();
      }
    });

    const badPayloads: readonly (readonly [string, string, string, RegExp])[] = [
      ["that is not JSON", "{", "invalid", /not JSON/],
      [
        "over the limit",
        `"${"x".repeat(payloadMaxBytes)}"`,
        "tooLarge",
        new RegExp(`limit is ${payloadMaxBytes}`),
      ],
    ];
    for (const [what, payload, code, message] of badPayloads) {
      it(`refuses a payload ${what}`, async () => {
        const name = aName();
        await test.aWarmFunction(name);
        const failure = await failed(client.invoke(name, payload));
        assert.equal(failure.code, code);
        assert.match(failure.message, message);
        assert.equal(test.host.calls.length, 0);
      });
    }

    it("names the function that it does not know, or that has no code", async () => {
      const unknown = await failed(client.invoke("nobody", null));
      assert.equal(unknown.code, "notFound");
      assert.match(unknown.message, /'nobody'/);
      const name = aName();
      await client.call(service.createFunction, { name, settings });
      const empty = await failed(client.invoke(name, null));
      assert.equal(empty.code, "notFound");
      assert.match(empty.message, new RegExp(name));
    });
  });

  it("reports each call to its function's shard", async () => {
    const name = aName();
    await test.aWarmFunction(name);
    const seen: (string | null | undefined)[] = [];
    const subject = subjects.arrivals(subjects.shardOf(name, 4));
    const listening = test.bus.subscribe(subject, tidepool.internal.v1.ArrivalBatch, (batch) => {
      for (const arrival of batch.arrivals ?? []) seen.push(arrival.requestId);
    });
    await test.bus.connection.flush();
    const { requestId } = await client.invoke(name, null);
    await until(() => seen.length > 0);
    assert.deepEqual(seen, [requestId]);
    await listening.stop();
  });

  it("shows the pools now and at a change", async () => {
    const stream = client.stream(service.watchPools, {});
    const snapshots: tidepool.v1.PoolsSnapshot.$Properties[] = [];
    stream.on("data", (snapshot) => snapshots.push(snapshot));
    stream.on("error", () => {});
    await until(() => snapshots.length === 1);
    test.host.beat(test.bus, "f", "1", 3);
    await until(() => snapshots.at(-1)?.pools?.[0]?.idle === 3);
    assert.equal(snapshots.at(-1)?.hosts?.[0]?.hostId, "h-1");
    stream.cancel();
  });

  it("passes on what the scheduler forecasts", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const shard = subjects.getForecast(subjects.shardOf(name, 4));
    const { GetForecastResponse } = tidepool.v1;
    const serving = test.bus.serve(
      "get forecast",
      shard,
      tidepool.internal.v1.ForecastRequest,
      GetForecastResponse,
      (request) => Promise.resolve({ name: request.functionName ?? "", degree: 0.75 }),
    );
    await test.bus.connection.flush();
    assert.equal((await client.call(service.getForecast, { name })).degree, 0.75);
    await serving.stop();
    const failure = await failed(client.call(service.getForecast, { name }));
    assert.equal(failure.code, "unavailable");
  });

  it("gives the newest log lines, then follows, of one request if asked", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const print = (text: string, requestId: string): void => {
      const line = { at: toTimestamp(1_000), requestId, text, stream: "stdout" };
      test.bus.publish(subjects.functionLog(name), tidepool.internal.v1.LogBatch, {
        functionName: name,
        lines: [line],
      });
    };
    for (const text of ["a", "b", "c", "d"]) print(text, text === "c" ? "r-2" : "r-1");
    await test.bus.connection.flush();
    const read = async (
      request: tidepool.v1.GetLogsRequest.$Properties,
    ): Promise<(string | undefined)[]> => {
      const lines: (string | undefined)[] = [];
      const stream = client.stream(service.getLogs, { name, ...request });
      for await (const line of stream as AsyncIterable<tidepool.v1.LogLine.$Properties>) {
        assert.equal(fromTimestamp(line.at), 1_000);
        lines.push(line.text);
        if (request.follow && line.text === "e") break;
        if (request.follow && line.text === "d") print("e", "r-1");
      }
      return lines;
    };
    assert.deepEqual(await read({}), ["a", "b", "c", "d"]);
    assert.deepEqual(await read({ limit: 2 }), ["c", "d"]);
    assert.deepEqual(await read({ requestId: "r-2" }), ["c"]);
    assert.deepEqual(await read({ follow: true, limit: 1 }), ["d", "e"]);
  });

  it("tells why a stream fails", async () => {
    const lines = client.stream(service.getLogs, { name: "nobody" });
    const [error] = (await once(lines.resume(), "error")) as [unknown];
    assert.equal(failureOf(error).code, "notFound");
  });

  it("ends a log that has no lines", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const lines: unknown[] = [];
    for await (const line of client.stream(service.getLogs, { name })) lines.push(line);
    assert.deepEqual(lines, []);
  });

  /**
   * nats-server stops and comes back with its data. What must hold: a warm call works while it is away and is
   * reported afterwards; what needs the store says so at once; the copy of the functions follows again.
   */
  it("serves warm calls while NATS is away, and everything when it is back", async () => {
    const name = aName();
    await test.aWarmFunction(name);
    await client.invoke(name, null);
    let requestId: string | undefined;
    await test.restartNats(async () => {
      ({ requestId } = await client.invoke(name, null));
      const startAtMs = Date.now();
      const failure = await failed(
        client.call(service.createFunction, { name: "later", settings }, { timeoutMs: 60_000 }),
      );
      assert.equal(failure.code, "unavailable");
      const cold = await failed(client.invoke("nobody", null));
      assert.equal(cold.code, "unavailable");
      assert.ok(Date.now() - startAtMs < 10_000, "both know at once that NATS is away");
    });
    assert.notEqual(requestId, undefined);
    await until(async () => {
      try {
        await client.call(service.createFunction, { name: "later", settings });
        return true;
      } catch {
        return false;
      }
    });
    await client.upload("later", [anArchive(["index.js"])]);
    await client.invoke("later", null);
    // A write past this frontend: only the watch can bring it.
    const kv = test.bus.connection;
    const record = tidepool.internal.v1.FunctionRecord.encode({
      function: { name: "foreign", settings },
    }).finish();
    kv.publish(`$KV.${subjects.buckets.functions}.foreign`, record);
    await until(async () => {
      const { functions = [] } = await client.call(service.listFunctions, {});
      return functions.some((one) => one.name === "foreign");
    });
  });

  it("says by the health service whether it serves", async () => {
    const { check } = healthService;
    assert.equal((await client.call(check, { service: "tidepool.v1.Tidepool" })).status, 1);
    assert.equal((await client.call(check, {})).status, 1);
    assert.equal((await failed(client.call(check, { service: "no.Such" }))).code, "notFound");
  });

  it("tells those who watch that it stops, and does not wait for them", async () => {
    const other = await aFrontend();
    const seen: unknown[] = [];
    const stream = other.client.stream(healthService.watch, {});
    stream.on("data", ({ status: told }) => seen.push(told));
    stream.on("error", () => {});
    const pools = other.client.stream(service.watchPools, {});
    const poolsEnded = once(pools.resume(), "error") as Promise<[unknown]>;
    await until(() => seen.length === 1);
    const startAtMs = Date.now();
    await other.frontend.stop();
    assert.deepEqual(seen, [1, 2]);
    const [error] = await poolsEnded;
    assert.equal(failureOf(error).code, "unavailable");
    assert.ok(Date.now() - startAtMs < drainMaxMs);
    await other.stop();
  });

  it("lets a call under way finish when it stops, and takes no more", async () => {
    const other = await aFrontend();
    let release = (): void => {};
    await other.aWarmFunction("f");
    other.host.react = (call) => {
      release = () => echo(call);
    };
    const running = other.client.invoke("f", 7);
    await until(() => other.host.calls.length === 1);
    const stopping = other.stop();
    const late = new TestClient(other.address);
    await assert.rejects(late.invoke("f", null, { timeoutMs: 500 }));
    release();
    assert.equal(Buffer.from((await running).payload ?? []).toString(), "7");
    await stopping;
    late.grpc.close();
  });
});
