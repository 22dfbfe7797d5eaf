import assert from "node:assert/strict";
import { Metadata, status } from "@grpc/grpc-js";
import { TidepoolError } from "@tidepool/common";
import { statusCodec, tidepool } from "@tidepool/proto";
import { callDetails, callError } from "./call-error.ts";

const address = "127.0.0.1:7070";

function aServiceError(code: status, failure?: tidepool.v1.Failure.$Properties): Error {
  const metadata = new Metadata();
  if (failure !== undefined) {
    const value = tidepool.v1.Failure.encode(failure).finish();
    const details = [{ type_url: "type.googleapis.com/tidepool.v1.Failure", value }];
    const bytes = statusCodec.encode({ code, details }).finish();
    metadata.set("grpc-status-details-bin", Buffer.from(bytes));
  }
  return Object.assign(new Error("text"), { code, details: "text", metadata });
}

describe("callError", () => {
  it("gives all that the server said of a failed call", () => {
    const error = callError(
      aServiceError(status.UNKNOWN, {
        code: "functionError",
        message: "handler threw",
        component: "function",
        requestId: "r-1",
        thrown: { name: "TypeError", message: "x", stack: "at y" },
        start: tidepool.v1.Start.START_PREDICTED,
        stages: { routingMs: 1, runMs: 2 },
      }),
      address,
    );
    assert.equal(error.code, "functionError");
    assert.equal(error.message, "handler threw");
    assert.equal(error.component, "function");
    assert.deepEqual(error.thrown, { name: "TypeError", message: "x", stack: "at y" });
    assert.deepEqual(callDetails(error), {
      requestId: "r-1",
      start: "predicted",
      stages: { routingMs: 1, waitingMs: 0, restoreMs: 0, loadMs: 0, runMs: 2 },
      maySendAgain: false,
    });
  });

  it("may be sent again only when the server says so, not for its code alone", () => {
    const failure = { code: "unavailable", message: "the connection to the host broke" };
    const broke = callError(aServiceError(status.UNAVAILABLE, failure), address);
    assert.equal(broke.retryable, true, "a later call may succeed");
    assert.equal(callDetails(broke).maySendAgain, false, "but this one may have run");
    const refused = aServiceError(status.UNAVAILABLE, { ...failure, retryable: true });
    assert.equal(callDetails(callError(refused, address)).maySendAgain, true);
    const noAnswer = callError(aServiceError(status.UNAVAILABLE), address);
    assert.equal(callDetails(noAnswer).maySendAgain, false);
  });

  const transport: readonly (readonly [status, string])[] = [
    [status.UNAVAILABLE, "unavailable"],
    [status.DEADLINE_EXCEEDED, "timeout"],
    [status.CANCELLED, "cancelled"],
    [status.RESOURCE_EXHAUSTED, "tooLarge"],
    [status.UNIMPLEMENTED, "internal"],
  ];
  for (const [code, expected] of transport) {
    it(`takes the transport's own ${status[code]} as ${expected}`, () => {
      assert.equal(callError(aServiceError(code), address).code, expected);
    });
  }

  it("names the limit of a message that the transport refuses", () => {
    for (const details of [
      "Received message larger than max (17000001 vs 16777216)",
      "Sent message larger than max (17000001 vs. 16777216)",
    ]) {
      const refused = Object.assign(aServiceError(status.RESOURCE_EXHAUSTED), { details });
      const { message } = callError(refused, address);
      assert.equal(message, "message has 17000001 bytes, the limit is 16777216");
    }
  });

  it("names the address that gave no answer", () => {
    assert.match(
      callError(aServiceError(status.UNAVAILABLE), address).message,
      /127\.0\.0\.1:7070/,
    );
  });

  it("falls back to the status when the details are of another kind", () => {
    const error = Object.assign(aServiceError(status.NOT_FOUND), { metadata: new Metadata() });
    error.metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff]));
    assert.equal(callError(error, address).code, "notFound");
  });

  it("leaves what is no gRPC error to its text", () => {
    const own = new TidepoolError("invalid", "x");
    assert.equal(callError(own, address), own);
    assert.equal(callError(new Error("y"), address).message, "y");
  });
});
