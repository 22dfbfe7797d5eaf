import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { callDetails } from "./call-error.ts";
import { parseInvokeResult } from "./parse.ts";

describe("An answer", () => {
  const answer = (text: string): tidepool.v1.InvokeResponse.$Properties => ({
    payload: new TextEncoder().encode(text),
    requestId: "r-1",
    start: tidepool.v1.Start.START_WARM,
  });

  it("is JSON, and null where there is none", () => {
    assert.deepEqual(parseInvokeResult(answer('{"a":1}')).payload, { a: 1 });
    assert.equal(parseInvokeResult(answer("")).payload, null);
  });

  it("that is no JSON is the function's fault, and names the call that ran", () => {
    assert.throws(
      () => parseInvokeResult(answer("plain text")),
      (error: Parameters<typeof callDetails>[0]) => {
        const { code, component, reason } = error;
        assert.deepEqual(
          [code, component, reason],
          ["functionError", "function", "malformedAnswer"],
        );
        const { requestId, start } = callDetails(error);
        assert.deepEqual([requestId, start], ["r-1", "warm"]);
        return true;
      },
    );
  });
});
