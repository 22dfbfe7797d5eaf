/** Records in the store outlive versions of the code that wrote them. */
import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { encodeRecord, parseRecord } from "./function-record.ts";
import { isReplanOnly } from "./settings.ts";
import type { Settings } from "./settings.ts";

const { PREDICTION_ON, PREDICTION_SHADOW, PREDICTION_UNSPECIFIED } = tidepool.v1.Prediction;
const settings = { runtime: "nodejs20", handler: "index.handler", keepAliveMs: 600_000 };

describe("parseRecord", () => {
  const old = tidepool.internal.v1.FunctionRecord.encode({
    function: { name: "f", version: "2", codeDigest: "sha256:1", settings },
  }).finish();

  it("gives a record from before tenants and prediction the defaults", () => {
    const stored = parseRecord(old);
    assert.equal(stored.tenant, "default");
    assert.equal(stored.settings.prediction, PREDICTION_UNSPECIFIED);
    assert.equal(stored.settings.coldStartCost, 0);
  });

  it("gives back what was set", () => {
    const stored = parseRecord(old);
    const { settings: before } = stored;
    const after: Settings = {
      ...before,
      prediction: PREDICTION_SHADOW,
      coldStartCost: 12.5,
      vcpuCount: 2,
      secrets: { TOKEN: "token" },
      tags: { team: "a" },
      reservedConcurrency: 0,
      provisioned: [{ count: 1, fromCron: "0 9 * * *", durationMs: 1_000, timeZone: "UTC" }],
      rateLimit: { callsPerSecond: 0.5, burst: 2 },
    };
    assert.deepEqual(parseRecord(encodeRecord({ ...stored, settings: after })).settings, after);
  });
});

describe("isReplanOnly", () => {
  const { settings: before } = parseRecord(
    tidepool.internal.v1.FunctionRecord.encode({ function: { name: "f", settings } }).finish(),
  );

  it("holds for what belongs to the function, and for nothing that VMs are made with", () => {
    assert.ok(isReplanOnly(before, { ...before, prediction: PREDICTION_ON }));
    assert.ok(isReplanOnly(before, { ...before, coldStartCost: 1 }));
    assert.ok(isReplanOnly(before, { ...before, reservedConcurrency: 0, tags: { a: "b" } }));
    assert.ok(!isReplanOnly(before, { ...before, secrets: { A: "a" } }));
    assert.ok(!isReplanOnly(before, before));
    assert.ok(!isReplanOnly(before, { ...before, memoryMib: 256 }));
    const both = { ...before, prediction: PREDICTION_ON, environment: { A: "1" } };
    assert.ok(!isReplanOnly(before, both));
  });
});
