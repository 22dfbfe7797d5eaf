/** Function URLs through the whole system, with simulated VMs: an echo, a stream, and limits. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { startTelemetry } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import type { FunctionSettings } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const settings: FunctionSettings = { runtime: "nodejs20", handler: "index.handler", url: {} };

describe("Function URLs of a system over simulated VMs", () => {
  let telemetry: Telemetry;
  let system: TestSystem;
  const aFunction = async (name: string, more: Partial<FunctionSettings>): Promise<string> => {
    await system.client.createFunction(name, { ...settings, ...more });
    await system.client.uploadCode(name, echoZip);
    return `http://${system.httpAddress}/fn/${name}/`;
  };

  before(async () => {
    telemetry = await startTelemetry("test", {});
    system = await aSystem();
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
  });
  after(async () => {
    await system.stop();
    await telemetry.stop();
  });

  it("give a handler the request, and can be told of by the call's id", async () => {
    const url = await aFunction("echo", {});
    const response = await fetch(`${url}a?b=c`, { method: "POST", body: new Uint8Array([0, 255]) });
    assert.equal(response.status, 200);
    const event = (await response.json()) as Record<string, unknown>;
    assert.deepEqual([event["body"], event["isBase64Encoded"]], ["AP8=", true]);
    const requestId = response.headers.get("x-tidepool-request-id") ?? "";
    assert.equal((await system.client.explainCall(requestId)).functionName, "echo");
  });

  it("stream an answer of any length through", async () => {
    const bytes = 20 * 1024 * 1024;
    const environment = { SIMULATED_STREAM_BYTES: String(bytes) };
    const url = await aFunction("stream", { environment });
    const response = await fetch(url);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-length"), null);
    let received = 0;
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      received += chunk.byteLength;
    }
    assert.equal(received, bytes);
  });

  it("answer 429 with when to try again, and 504 when the function takes too long", async () => {
    const stopped = await fetch(await aFunction("stopped", { reservedConcurrency: 0 }));
    assert.equal(stopped.status, 429);
    const environment = { SIMULATED_RUN_MS: "5000" };
    const slow = await fetch(await aFunction("slow", { environment, timeoutMs: 300 }));
    assert.equal(slow.status, 504);
    assert.equal(((await slow.json()) as { code: string }).code, "timeout");
  });
});
