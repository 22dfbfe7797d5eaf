import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { startTelemetry, TidepoolError } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { callDetails, TidepoolClient } from "@tidepool/sdk";
import type { LogLine, PoolsSnapshot } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };

async function failureOf(work: Promise<unknown>): Promise<TidepoolError> {
  const error: unknown = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof TidepoolError, String(error));
  return error;
}

describe("Tidepool over simulated VMs, through its client", () => {
  let telemetry: Telemetry;
  let system: TestSystem;
  let client: TidepoolClient;

  const aFunction = async (name: string, environment = {}): Promise<void> => {
    await client.createFunction(name, { ...settings, environment });
    await client.uploadCode(name, echoZip);
  };

  before(async () => {
    telemetry = await startTelemetry("test", {});
    system = await aSystem();
    client = system.client;
    // The pool is warm and the shards have owners.
    await until(async () => {
      for await (const { pools } of client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
  });
  after(async () => {
    await system.stop();
    await telemetry.stop();
  });

  it("keeps what its owner says of a function", async () => {
    const created = await client.createFunction("kept", { ...settings, memoryMib: 256 });
    assert.equal(created.settings.memoryMib, 256);
    assert.equal(created.version, undefined);
    const { version, codeDigest } = await client.uploadCode("kept", echoZip);
    assert.equal(version, "1");
    assert.deepEqual(await client.getFunction("kept"), {
      ...(await client.listFunctions()).find(({ name }) => name === "kept"),
    });
    assert.match(codeDigest ?? "", /^sha256:/);
    assert.equal((await client.updateFunction("kept", settings)).version, "2");
    await client.deleteFunction("kept");
    assert.equal((await failureOf(client.getFunction("kept"))).code, "notFound");
  });

  it("runs a first call in a VM of the pool, and the next in the same VM, warm", async () => {
    await aFunction("echo");
    const first = await client.invoke("echo", { a: [1, "ü"] });
    assert.deepEqual(first.payload, { a: [1, "ü"] });
    assert.ok(first.start === "pool" || first.start === "cold", first.start);
    assert.equal(first.hostId, "h-1");
    const second = await client.invoke("echo", 2, { requestId: "mine-2" });
    assert.equal(second.requestId, "mine-2");
    assert.equal(second.start, "warm");
    assert.equal(second.vmId, first.vmId);
    const { routingMs, loadMs } = second.stages;
    assert.ok(routingMs > 0 && loadMs === 0, JSON.stringify(second.stages));
  });

  it("serves eight calls at once", async () => {
    await aFunction("parallel", { SIMULATED_RUN_MS: "50" });
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => client.invoke("parallel", index)),
    );
    assert.deepEqual(
      results.map(({ payload }) => payload),
      [0, 1, 2, 3, 4, 5, 6, 7],
    );
  });

  it("carries a payload of 5 MiB there and back", async () => {
    await aFunction("large");
    const text = "x".repeat(5 * 1024 * 1024);
    assert.equal((await client.invoke("large", text)).payload, text);
  });

  it("gives what the function threw, with request id and stages, and the next call works", async () => {
    await aFunction("throws");
    const wish = { simulated: { failure: "throw" } };
    const error = await failureOf(client.invoke("throws", wish, { requestId: "bad-1" }));
    assert.equal(error.code, "functionError");
    assert.equal(error.component, "function");
    assert.ok(error.thrown);
    const { requestId, stages, maySendAgain } = callDetails(error);
    assert.equal(requestId, "bad-1");
    assert.ok(stages);
    assert.equal(maySendAgain, false);
    assert.equal((await client.invoke("throws", 1)).payload, 1);
  });

  for (const [failure, codes] of [
    ["exit", ["guestCrash"]],
    ["oom", ["memoryLimit"]],
    ["crash", ["guestCrash", "unavailable"]],
    ["output", ["outputLimit"]],
  ] as const) {
    it(`tells of ${failure} in the middle of a call, and the next call works`, async () => {
      await aFunction(`fails-${failure}`);
      await client.invoke(`fails-${failure}`, 0);
      const error = await failureOf(client.invoke(`fails-${failure}`, { simulated: { failure } }));
      assert.ok((codes as readonly string[]).includes(error.code), error.code);
      assert.equal((await client.invoke(`fails-${failure}`, 1)).payload, 1);
    });
  }

  it("ends a call at the caller's deadline, with a reason", async () => {
    await aFunction("slow", { SIMULATED_RUN_MS: "60000" });
    const error = await failureOf(client.invoke("slow", 0, { timeoutMs: 600 }));
    assert.equal(error.code, "timeout");
  });

  it("ends a call that its caller gives up", async () => {
    await aFunction("given-up", { SIMULATED_RUN_MS: "60000" });
    const gone = new AbortController();
    const call = failureOf(client.invoke("given-up", 0, { signal: gone.signal }));
    setTimeout(() => gone.abort(), 100);
    assert.equal((await call).code, "cancelled");
  });

  it("shows the VMs of the pools", async () => {
    const seen: PoolsSnapshot[] = [];
    const enough = new AbortController();
    for await (const snapshot of client.watchPools(enough.signal)) {
      seen.push(snapshot);
      enough.abort();
    }
    assert.equal(seen.length, 1);
    assert.equal(seen[0]?.hosts[0]?.hypervisor, "simulated");
    assert.ok((seen[0]?.pools[0]?.total ?? 0) > 0);
  });

  it("has no forecast for a function called once, and says why", async () => {
    await aFunction("once");
    await client.invoke("once");
    await until(async () => (await client.getForecast("once")).callsSeen === 1);
    const { degree, windows } = await client.getForecast("once");
    assert.equal(degree, 0);
    assert.deepEqual(windows, []);
  });

  it("gives the log of a function that printed nothing", async () => {
    const lines: LogLine[] = [];
    for await (const line of client.getLogs("once")) lines.push(line);
    assert.ok(lines.every(({ stream }) => stream === "stdout" || stream === "stderr"));
  });

  it("says clearly that nobody is there", async () => {
    const error = await failureOf(TidepoolClient.connect("127.0.0.1:1", { connectTimeoutMs: 300 }));
    assert.equal(error.code, "unavailable");
    assert.match(error.message, /127\.0\.0\.1:1/);
  });

  it("serves warm calls while NATS is away, and new functions when it is back", async () => {
    await aFunction("steady");
    const { vmId } = await client.invoke("steady", 0);
    await system.restartNats(async () => {
      const during = await client.invoke("steady", 1);
      assert.equal(during.vmId, vmId);
      assert.equal(during.start, "warm");
    });
    await until(async () => {
      await client.createFunction("after", settings);
      return true;
    });
    await client.uploadCode("after", echoZip);
    await until(async () => (await client.invoke("after", 1)).payload === 1);
  });
});
