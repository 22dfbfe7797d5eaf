import assert from "node:assert/strict";
import { tidepool, toTimestamp } from "@tidepool/proto";
import { tenantTermsDefault } from "../ports.ts";
import {
  parseAcquire,
  parseArrivals,
  parseFunctionRecord,
  parseHeartbeat,
  parseTenantRecord,
} from "./parse.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
const version = { name: "hello", version: "3", codeDigest: "sha256:abc", settings };

describe("parseAcquire", () => {
  it("fills in the defaults of the API", () => {
    const { function: found } = parseAcquire({ requestId: "r-1", function: version });
    assert.equal(found.memoryMib, 128);
    assert.equal(found.keepAliveMs, 600_000);
  });

  const refused = {
    "a request id with a dot": { requestId: "r.1", function: version },
    "no request id": { function: version },
    "no function": { requestId: "r-1" },
    "a function without code": { requestId: "r-1", function: { ...version, codeDigest: "" } },
    "a function without runtime": { requestId: "r-1", function: { ...version, settings: {} } },
  };
  for (const [what, wire] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.throws(() => parseAcquire(wire), { code: "invalid" }));
  }
});

describe("parseFunctionRecord", () => {
  it("has nothing to plan for a function without code", () => {
    assert.equal(parseFunctionRecord({ function: { name: "hello", settings } }), undefined);
    assert.equal(parseFunctionRecord({ function: version })?.version, "3");
  });
});

describe("what functions and tenants say of prediction", () => {
  it("is nobody's word in records from before it could be said", () => {
    const found = parseFunctionRecord({ function: version });
    assert.equal(found?.tenant, "default");
    assert.deepEqual([found.prediction, found.coldStartCost], [undefined, undefined]);
    assert.deepEqual(parseTenantRecord({}), tenantTermsDefault);
  });

  it("is read, and a word of a later version is nobody's", () => {
    const { PREDICTION_SHADOW } = tidepool.v1.Prediction;
    const said = { ...settings, prediction: PREDICTION_SHADOW, coldStartCost: 2.5 };
    const found = parseFunctionRecord({ function: { ...version, settings: said, tenant: "t" } });
    assert.deepEqual(
      [found?.prediction, found?.coldStartCost, found?.tenant],
      ["shadow", 2.5, "t"],
    );
    const later = 99 as tidepool.v1.Prediction;
    const tenant = { settings: { prediction: later, prewarmIdleVmSecondsMax: 7 } };
    const terms = parseTenantRecord({ tenant });
    assert.deepEqual([terms.prediction, terms.prewarmIdleVmSecondsMax], [undefined, 7]);
  });
});

describe("parseHeartbeat", () => {
  it("refuses a host without id or address", () => {
    assert.throws(() => parseHeartbeat({ hostId: "h.1", address: "x:1" }), { code: "invalid" });
    assert.throws(() => parseHeartbeat({ hostId: "h-1" }), { code: "invalid" });
  });
});

describe("parseArrivals", () => {
  it("holds a frontend whose clock runs ahead to the time of storing", () => {
    const arrivals = [
      { functionName: "a", at: toTimestamp(5_000) },
      { functionName: "b", at: toTimestamp(9_000) },
      { functionName: "", at: toTimestamp(1_000) },
      { functionName: "c" },
    ];
    assert.deepEqual(parseArrivals({ arrivals }, 7, 6_000), {
      sequence: 7,
      arrivals: [
        { functionName: "a", version: "", requestId: "", qualifier: "", atMs: 5_000 },
        { functionName: "b", version: "", requestId: "", qualifier: "", atMs: 6_000 },
      ],
    });
  });
});
