/** Accepted calls and streamed answers through the client, over real gRPC and NATS; only the VMs are simulated. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBus } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { silentLogger } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const mib = 1024 * 1024;

describe("Accepted calls and streamed answers", function () {
  let system: TestSystem;
  let client: TidepoolClient;

  before(async () => {
    system = await aSystem({ frontendCount: 2, vmCountMax: 16 });
    ({ client } = system);
    await deploy("echo");
  });
  after(() => system.stop());

  const deploy = async (name: string, settings = {}): Promise<void> => {
    await client.createFunction(name, {
      runtime: "nodejs20",
      handler: "index.handler",
      ...settings,
    });
    await client.uploadCode(name, echoZip);
  };
  const accept = async (payload: unknown, options = {}, name = "echo"): Promise<string> =>
    (await client.invokeAsync(name, payload, options)).requestId;

  it("answer an id at once, and the result by it from every frontend", async () => {
    const requestId = await accept({ n: 1 });
    const other = await TidepoolClient.connect(system.addresses[1] ?? "");
    const call = await other.waitForInvocation(requestId);
    other.close();
    assert.deepEqual([call.status, call.payload, call.attempts], ["succeeded", { n: 1 }, 1]);
    assert.equal(call.response?.version, "1");
    const logged: string[] = [];
    await until(async () => {
      for await (const { text } of client.getLogs("echo", { requestId })) logged.push(text);
      return logged.length > 0;
    });
  });

  it("are stopped in their guest when they are cancelled", async () => {
    const requestId = await accept({ simulated: { runMs: 60_000 } });
    await until(async () => (await client.getInvocation(requestId)).status === "running");
    await until(async () => busy() === 1);
    assert.equal((await client.cancelInvocation(requestId)).status, "cancelled");
    await until(async () => busy() === 0);
    assert.equal((await client.getInvocation(requestId)).status, "cancelled");
  });

  const busy = (): number =>
    system.agent.fleet.views().filter(({ phase }) => phase === "busy").length;

  it("that are too old are not begun, but dead", async () => {
    await deploy("slow-start", { async: { retries: 0 } });
    const requestId = await accept(1, { ageMaxMs: 1 }, "slow-start");
    const { status } = await client.waitForInvocation(requestId);
    // A frontend may have been faster than a millisecond.
    if (status === "succeeded") return;
    assert.equal(status, "expired");
    await until(async () => (await deadIds("slow-start")).includes(requestId));
  });

  const deadIds = async (functionName: string): Promise<string[]> =>
    (await client.deadLetters.list({ functionName })).letters.map(({ requestId }) => requestId);

  it("of a function that throws are dead letters, and run anew when they are redriven", async () => {
    const requestId = await accept({ simulated: { failure: "throw" }, keep: 1 }, { retries: 0 });
    const failed = await client.waitForInvocation(requestId);
    assert.deepEqual([failed.status, failed.failure?.code], ["failed", "functionError"]);
    await until(async () => (await deadIds("echo")).includes(requestId));
    const { letters } = await client.deadLetters.list({ requestIds: [requestId] });
    assert.deepEqual(letters[0]?.payload, { simulated: { failure: "throw" }, keep: 1 });
    const redriven = await client.deadLetters.redrive({ requestIds: [requestId] });
    assert.equal(redriven.count, 1);
    const anew = await client.waitForInvocation(redriven.requestIds[0] ?? "");
    assert.equal(anew.status, "failed");
    assert.ok(!(await deadIds("echo")).includes(requestId));
    assert.ok((await client.deadLetters.purge({ functionName: "echo" })) >= 1);
    assert.deepEqual(await deadIds("echo"), []);
  });

  it("tell their destinations: a function is called, a subject gets an event", async () => {
    await deploy("next");
    await deploy("first", {
      async: {
        retries: 0,
        onSuccess: { function: "next" },
        onFailure: { subject: "ended.badly" },
      },
    });
    const logger = silentLogger;
    const bus = await connectBus({
      servers: system.natsUrl,
      name: "hears events",
      component: "client",
      logger,
    });
    const events: { type: string | undefined; id: string; body: Record<string, unknown> }[] = [];
    bus.connection.subscribe("ended.badly", {
      callback: (_error, message) => {
        const body = message.json<Record<string, unknown>>();
        const type = message.headers?.get("content-type");
        events.push({ type, id: String(body["subject"]), body });
      },
    });
    await bus.connection.flush();
    const good = await accept({ n: 5 }, {}, "first");
    await client.waitForInvocation(good);
    const heard: string[] = [];
    await until(async () => {
      heard.length = 0;
      for await (const { text } of client.getLogs("next")) heard.push(text);
      return heard.length > 0;
    });
    const bad = await accept({ simulated: { failure: "throw" } }, {}, "first");
    await until(() => events.some(({ id }) => id === bad));
    await bus.close();
    assert.equal(events[0]?.type, "application/cloudevents+json");
    assert.equal(events[0]?.body["type"], "tidepool.invocation.failed");
  });

  it("of two functions that call each other end at the limit of hops", async () => {
    await deploy("ping", { async: { onSuccess: { function: "pong" } } });
    await deploy("pong", { async: { onSuccess: { function: "ping" } } });
    await client.waitForInvocation(await accept(1, {}, "ping"));
    const count = async (): Promise<number> => {
      let lines = 0;
      for (const name of ["ping", "pong"]) {
        for await (const _ of client.getLogs(name, { limit: 100 })) lines += 1;
      }
      return lines;
    };
    await until(async () => (await count()) === 17);
    await sleep(300);
    assert.equal(await count(), 17);
  });

  it("with one key run once, from whichever frontend they are accepted", async () => {
    const other = await TidepoolClient.connect(system.addresses[1] ?? "");
    const accepted = await Promise.all(
      [client, other, client, other, client].map((from) =>
        from.invokeAsync("echo", { n: 1 }, { dedupeKey: "once" }),
      ),
    );
    other.close();
    assert.equal(new Set(accepted.map(({ requestId }) => requestId)).size, 1);
    assert.equal(accepted.filter(({ isDuplicate }) => !isDuplicate).length, 1);
  });

  it("survive a restart of NATS while they run", async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, (_, n) => accept({ n, simulated: { runMs: 1_500 } })),
    );
    await system.restartNats(() => sleep(1_500));
    const ended = await Promise.all(ids.map((id) => client.waitForInvocation(id)));
    assert.deepEqual(new Set(ended.map(({ status }) => status)), new Set(["succeeded"]));
  });

  it("stream 40 MiB through host and frontend, first byte before the last is written", async () => {
    const streamBytes = 40 * mib;
    const answer = client.invokeStream("echo", { simulated: { streamBytes } });
    const { contentType, http } = await answer.begin;
    assert.deepEqual([contentType, http], ["text/plain", { statusCode: 200 }]);
    let bytes = 0;
    for await (const part of answer) bytes += part.byteLength;
    assert.equal(bytes, streamBytes);
    assert.equal((await answer.end).version, "1");
  });

  it("end the call in its VM when the reader leaves in the middle", async () => {
    const answer = client.invokeStream("echo", { simulated: { streamBytes: 100 * mib } });
    for await (const part of answer) if (part.byteLength > 0) break;
    await assert.rejects(answer.end, { code: "cancelled" });
    await until(() => busy() === 0);
  });

  it("end in their VM when their time is over", async () => {
    const simulated = { streamBytes: 10, failure: "hang" };
    const answer = client.invokeStream("echo", { simulated }, { timeoutMs: 400 });
    let bytes = 0;
    const reading = async (): Promise<void> => {
      for await (const part of answer) bytes += part.byteLength;
    };
    await assert.rejects(reading(), { code: "timeout" });
    assert.equal(bytes, 10);
    await until(() => busy() === 0);
  });

  it("end with their failure after the first byte", async () => {
    const simulated = { streamBytes: 1_000, failure: "throw" };
    const answer = client.invokeStream("echo", { simulated });
    let bytes = 0;
    const reading = async (): Promise<void> => {
      for await (const part of answer) bytes += part.byteLength;
    };
    await assert.rejects(reading(), { code: "functionError", component: "function" });
    assert.equal(bytes, 1_000);
  });

  it("of a function that streams are gathered for who waits, up to the limit of an answer", async () => {
    const over = client.invoke("echo", { simulated: { streamBytes: 6 * mib + 1 } });
    await assert.rejects(over, { code: "outputLimit" });
    const call = await client.waitForInvocation(await accept({ simulated: { streamBytes: 17 } }));
    assert.equal(Buffer.from(call.payloadBytes).toString(), "simulated answer\n");
    assert.equal(call.payload, undefined);
  });
});
