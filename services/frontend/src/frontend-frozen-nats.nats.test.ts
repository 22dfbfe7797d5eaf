import assert from "node:assert/strict";
import { startTelemetry } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import { failed } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";

const service = tidepoolService;
const settings = { runtime: "nodejs20", handler: "index.handler" };

/** A server that is stopped in its tracks keeps its connections: nothing says that it is away. */
describe("Frontend while NATS is frozen", () => {
  let telemetry: Telemetry;
  let test: TestFrontend;

  before(async () => {
    telemetry = await startTelemetry("test", {});
    test = await aFrontend();
    await test.aWarmFunction("cold", 0);
    test.freezeNats();
  });
  after(async () => {
    test.thawNats();
    await test.stop();
    await telemetry.stop();
  });

  it("says of a call that needs a VM that the scheduler does not answer, not that it took long", async () => {
    const failure = await failed(test.client.invoke("cold", null, { timeoutMs: 1_000 }));
    assert.equal(failure.code, "unavailable");
    assert.equal(failure.retryable, true, "nothing ran");
    assert.equal(failure.component, "scheduler");
    assert.match(failure.message, /scheduler did not answer .*'cold'.*NATS/);
    assert.notEqual(failure.requestId, "");
  });

  const others: readonly (readonly [string, () => Promise<unknown>, RegExp])[] = [
    [
      "a forecast",
      () => test.client.call(service.getForecast, { name: "cold" }),
      /scheduler did not answer .*NATS/,
    ],
    [
      "an explanation",
      () => test.client.call(service.explainCall, { requestId: "r-1" }),
      /NATS does not answer/,
    ],
    [
      "a new function",
      () => test.client.call(service.createFunction, { name: "x", settings }),
      /creating function 'x' failed: NATS does not answer/,
    ],
    [
      "a function that is not known yet",
      () => test.client.invoke("unknown", null, { timeoutMs: 1_000 }),
      /reading function 'unknown' failed: NATS does not answer/,
    ],
  ];
  it("says so too when asked for what only the store or the scheduler has", async () => {
    const failures = await Promise.all(others.map(([, ask]) => failed(ask())));
    for (const [index, [what, , message]] of others.entries()) {
      assert.equal(failures[index]?.code, "unavailable", what);
      assert.equal(failures[index]?.retryable, true, what);
      assert.match(failures[index]?.message ?? "", message);
    }
  });
});
