/** A function URL through the whole frontend: the settings, the route to a host, and what comes back. */
import assert from "node:assert/strict";
import { failureToWire, startTelemetry, TidepoolError } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { echo } from "./testing/a-host.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };

describe("Function URLs of a frontend", () => {
  let telemetry: Telemetry;
  let test: TestFrontend;
  let base = "";

  before(async () => {
    telemetry = await startTelemetry("test", {});
    test = await aFrontend();
    base = `http://${test.httpAddress}/fn`;
    await test.aWarmFunction("web");
    await test.client.call(tidepoolService.updateFunction, {
      name: "web",
      settings: { ...settings, url: { methods: ["GET", "POST"] } },
    });
    await test.aWarmFunction("plain");
  });
  after(async () => {
    await test.stop();
    await telemetry.stop();
  });
  beforeEach(() => {
    test.host.react = echo;
    test.host.calls.length = 0;
  });

  it("bring a request to a VM in the client's trace, and tell the call's id", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const response = await fetch(`${base}/web/a?b=c`, {
      method: "POST",
      body: "hello",
      headers: { "content-type": "text/plain", traceparent: `00-${trace}-b7ad6b7169203331-01` },
    });
    assert.equal(response.status, 200);
    const event = (await response.json()) as Record<string, unknown>;
    assert.deepEqual([event["rawPath"], event["body"]], ["/a", "hello"]);
    const [call] = test.host.calls;
    assert.equal(call?.start.requestId, response.headers.get("x-tidepool-request-id"));
    assert.equal(call?.start.traceparent?.split("-")[1], trace);
  });

  it("are there for functions alone whose settings say so", async () => {
    assert.equal((await fetch(`${base}/plain/`)).status, 404);
    assert.equal((await fetch(`${base}/unknown/`)).status, 404);
    assert.equal((await fetch(`${base}/web/`, { method: "PUT" })).status, 405);
    assert.equal(test.host.calls.length, 0);
  });

  it("have the status of what went wrong in the function's VM", async () => {
    test.host.react = ({ start, answer }) => {
      const failure = failureToWire(new TidepoolError("timeout", "ran for too long"), "function");
      answer({ failure: { callId: start.callId ?? 0, failure, vmId: "vm-1" } });
    };
    const response = await fetch(`${base}/web/`);
    assert.equal(response.status, 504);
    const told = (await response.json()) as Record<string, unknown>;
    assert.deepEqual([told["code"], told["component"]], ["timeout", "function"]);
  });
});
