import assert from "node:assert/strict";
import { checkCall } from "./accept.ts";
import type { AcceptedCall } from "./call.ts";
import { cloudEvent } from "./cloud-event.ts";

describe("the event of an ended call", () => {
  const call: AcceptedCall = {
    ...checkCall({ name: "f", requestId: "r-1" }, undefined, 0).call,
    status: "succeeded",
    endedAtMs: 1_500,
    attempts: 2,
  };
  const payload = Buffer.from('{"n":1}');
  const parse = (bytes: Uint8Array) =>
    JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown> & {
      data: Record<string, unknown>;
    };

  it("has all that CloudEvents 1.0 requires, and the call in its data", () => {
    const event = parse(cloudEvent({ call, payload, response: Buffer.from("[2]") }, 10_000));
    assert.equal(event["specversion"], "1.0");
    assert.equal(event["id"], "r-1-succeeded");
    assert.equal(event["source"], "/tidepool/functions/f");
    assert.equal(event["type"], "tidepool.invocation.succeeded");
    assert.equal(event["time"], "1970-01-01T00:00:01.500Z");
    assert.deepEqual(event.data["payload"], { n: 1 });
    assert.deepEqual(event.data["response"], [2]);
    assert.equal(event.data["attempts"], 2);
  });

  it("says what failed, and what the call was called with", () => {
    const failure = { code: "functionError", message: "threw", component: "function" };
    const failed: AcceptedCall = { ...call, status: "failed", failure };
    const { data } = parse(cloudEvent({ call: failed, payload, response: undefined }, 10_000));
    assert.deepEqual(data["failure"], failure);
    assert.deepEqual(data["payload"], { n: 1 });
    assert.ok(!("response" in data));
  });

  it("carries a response that is no JSON as base64", () => {
    const response = Buffer.from([0xff, 0x00]);
    const { data } = parse(cloudEvent({ call, payload, response }, 10_000));
    assert.equal(data["responseBase64"], response.toString("base64"));
  });

  it("leaves out payload and response where they are too large, and says how large they are", () => {
    const response = Buffer.from(JSON.stringify("x".repeat(10_000)));
    const bytes = cloudEvent({ call, payload, response }, 5_000);
    assert.ok(bytes.byteLength <= 5_000);
    const { data } = parse(bytes);
    assert.equal(data["isCut"], true);
    assert.equal(data["responseBytes"], response.byteLength);
  });
});
