import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { startTelemetry } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import { grpcReceiveMaxBytes, payloadMaxBytes } from "./limits.ts";
import { failed } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";

const requestId = "r-of-caller";

describe("Frontend's limits on a call", () => {
  let telemetry: Telemetry;
  let test: TestFrontend;

  before(async () => {
    telemetry = await startTelemetry("test", {});
    test = await aFrontend();
    await test.aWarmFunction("f", 0);
  });
  after(async () => {
    await test.stop();
    await telemetry.stop();
  });

  const invoke = (request: { requestId?: string; payload?: Buffer; name?: string }) =>
    test.client.call(tidepoolService.invoke, { name: "f", ...request });

  it("answers itself to a payload above its limit, up to the largest message", async () => {
    for (const bytes of [payloadMaxBytes + 1, grpcReceiveMaxBytes - 100]) {
      const failure = await failed(invoke({ payload: Buffer.alloc(bytes, "1"), requestId }));
      assert.equal(failure.code, "tooLarge");
      assert.match(failure.message, new RegExp(`${bytes} bytes, the limit is ${payloadMaxBytes}`));
      assert.equal(failure.requestId, requestId);
    }
  });

  it("takes no message above the largest, whose limit the status names", async () => {
    for (const bytes of [grpcReceiveMaxBytes, 3 * grpcReceiveMaxBytes]) {
      const error = (await invoke({ payload: Buffer.alloc(bytes, "1") }).catch(
        (thrown: unknown) => thrown,
      )) as ServiceError;
      assert.equal(error.code, status.RESOURCE_EXHAUSTED);
      assert.match(error.details, new RegExp(String(grpcReceiveMaxBytes)));
    }
  });

  it("names the request in each early refusal, with an id of its own where the caller's is none", async () => {
    const bad = await failed(invoke({ payload: Buffer.from("{"), requestId }));
    assert.deepEqual([bad.code, bad.requestId], ["invalid", requestId]);
    assert.deepEqual([bad.component, bad.reason], ["client", "payloadNotJson"]);
    const nameless = await failed(invoke({ name: "not a name", requestId }));
    assert.deepEqual([nameless.code, nameless.requestId], ["invalid", requestId]);
    for (const given of ["", "not an id"]) {
      const failure = await failed(invoke({ payload: Buffer.from("{"), requestId: given }));
      assert.match(failure.requestId, /^[0-9a-f-]{36}$/);
    }
  });
});
