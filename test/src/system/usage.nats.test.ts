/** What functions printed and used, over two hosts and two frontends. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { TidepoolClient } from "@tidepool/sdk";
import type { LogLine, UsageRecord } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

describe("Logs and usage of all hosts", () => {
  let system: TestSystem;
  let client: TidepoolClient;

  const aFunction = async (name: string, settings = {}): Promise<void> => {
    const all = { runtime: "nodejs20", handler: "index.handler", ...settings };
    await client.createFunction(name, all);
    await client.uploadCode(name, echoZip);
  };
  const linesOf = async (name: string, options = {}): Promise<LogLine[]> => {
    const lines: LogLine[] = [];
    for await (const line of client.getLogs(name, options)) lines.push(line);
    return lines;
  };

  before(async () => {
    system = await aSystem({
      poolBaseTarget: 4,
      hostCount: 2,
      frontendCount: 2,
      usagePeriodMs: 500,
    });
    client = system.client;
    await until(async () => {
      for await (const { hosts } of client.watchPools()) {
        return hosts.length === 2 && hosts.every(({ vmCount }) => vmCount >= 2);
      }
      return false;
    });
  });
  after(() => system.stop());

  it("follows what all functions print on all hosts, and tells by function, request and version", async () => {
    await aFunction("talks", { environment: { SIMULATED_RUN_MS: "3000" } });
    await aFunction("speaks");
    const heard: LogLine[] = [];
    const ending = new AbortController();
    const following = (async () => {
      const options = { follow: true, signal: ending.signal };
      for await (const line of client.getLogs("", options)) heard.push(line);
    })();
    const calls = Array.from({ length: 8 }, (_, index) =>
      client.invoke("talks", "x".repeat(index), { requestId: `r-${index}` }),
    );
    const results = await Promise.all(calls);
    assert.equal(new Set(results.map(({ hostId }) => hostId)).size, 2);
    await client.invoke("speaks", "x".repeat(98));
    await until(() => heard.length >= 9);
    ending.abort();
    await following;
    assert.deepEqual(new Set(heard.map(({ hostId }) => hostId)), new Set(["h-1", "h-2"]));
    assert.deepEqual(
      new Set(heard.map(({ functionName }) => functionName)),
      new Set(["talks", "speaks"]),
    );
    assert.equal((await linesOf("talks")).length, 8);
    const [one] = await linesOf("talks", { requestId: "r-3" });
    assert.equal(one?.text, "echo 5 bytes");
    const atMs = heard.at(-1)?.atMs ?? 0;
    assert.equal((await linesOf("", { fromMs: atMs })).at(-1)?.text, "echo 100 bytes");
    assert.deepEqual(await linesOf("", { fromMs: atMs + 60_000 }), []);
    await client.uploadCode("talks", echoZip);
    await until(async () => {
      const { version } = await client.invoke("talks", "x".repeat(8));
      return version === "2";
    });
    await until(async () => (await linesOf("talks", { version: "2" })).length > 0);
    assert.ok(
      (await linesOf("talks", { version: "2" })).every(({ text }) => text === "echo 10 bytes"),
    );
    assert.equal((await linesOf("", { limit: 3 })).length, 3);
  });

  it("writes each call, failure and refusal once, and the time by memory on its host", async () => {
    await aFunction("pays", { reservedConcurrency: 2, memoryMib: 512 });
    const other = await TidepoolClient.connect(system.addresses[1] ?? "");
    await until(async () => (await other.getFunction("pays")).version === "1");
    const busy = { simulated: { runMs: 2_000 } };
    for (const by of [client, other]) await by.invoke("pays", busy);
    const fail = { simulated: { failure: "throw" } };
    await assert.rejects(client.invoke("pays", fail, { attemptsMax: 1 }), {
      code: "functionError",
    });
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map(() => client.invoke("pays", busy, { attemptsMax: 1 })),
    );
    const refusedCount = results.filter(({ status }) => status === "rejected").length;
    // What the other frontend ran may still count here for a moment.
    assert.ok(refusedCount >= 2);
    const callCount = 3 + results.length - refusedCount;
    other.close();
    const records: UsageRecord[] = [];
    await until(async () => {
      records.length = 0;
      for await (const record of client.getUsage({ name: "pays" })) records.push(record);
      const calls = records.reduce((sum, record) => sum + record.calls, 0);
      return calls === callCount && records.some(({ gbSeconds }) => gbSeconds > 0);
    });
    const sum = (of: (record: UsageRecord) => number): number =>
      records.reduce((total, record) => total + of(record), 0);
    assert.deepEqual([sum((each) => each.calls), sum((each) => each.failedCalls)], [callCount, 1]);
    assert.equal(
      sum((each) => each.throttledCalls),
      refusedCount,
    );
    // Simulated time runs five times as fast: at least two calls of 200 ms with half a GB.
    const gbSeconds = sum((each) => each.gbSeconds);
    assert.ok(gbSeconds >= 0.2, String(gbSeconds));
    assert.ok(sum((each) => each.idleGbSeconds) > 0);
    for (const { source, calls, gbSeconds: used } of records) {
      assert.ok(source.startsWith("host") ? calls === 0 : used === 0, source);
    }
    const later = [];
    for await (const record of client.getUsage({ fromMs: Date.now() })) later.push(record);
    assert.deepEqual(later, []);
  });
});
