/** Records in the store outlive versions of the code that wrote them. */
import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { encodeRecord, parseRecord } from "./function-record.ts";
import type { Settings } from "./settings.ts";
import {
  activeVersion,
  atVersion,
  encodeVersion,
  makesVersion,
  parseVersion,
} from "./version-record.ts";

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

  it("takes the one version of a record from before there were several to be the newest", () => {
    const { version, newestVersion, previousVersion, aliases, revision } = parseRecord(old);
    assert.deepEqual(
      { version, newestVersion, previousVersion, aliases, revision },
      { version: "2", newestVersion: "2", previousVersion: "", aliases: [], revision: 0 },
    );
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

describe("makesVersion", () => {
  const { settings: before } = parseRecord(
    tidepool.internal.v1.FunctionRecord.encode({ function: { name: "f", settings } }).finish(),
  );

  it("holds for what VMs are made with, and for nothing that belongs to the function", () => {
    assert.ok(!makesVersion(before, before));
    assert.ok(!makesVersion(before, { ...before, prediction: PREDICTION_ON }));
    assert.ok(!makesVersion(before, { ...before, coldStartCost: 1 }));
    assert.ok(!makesVersion(before, { ...before, reservedConcurrency: 0, tags: { a: "b" } }));
    assert.ok(makesVersion(before, { ...before, secrets: { A: "a" } }));
    assert.ok(makesVersion(before, { ...before, memoryMib: 256 }));
    const both = { ...before, prediction: PREDICTION_ON, environment: { A: "1" } };
    assert.ok(makesVersion(before, both));
  });
});

describe("atVersion", () => {
  it("takes from the version what makes one, and the rest from the function", () => {
    const stored = parseRecord(
      tidepool.internal.v1.FunctionRecord.encode({
        function: {
          name: "f",
          version: "2",
          settings: { ...settings, memoryMib: 256, tags: { now: "yes" } },
        },
      }).finish(),
    );
    const first = {
      ...activeVersion(stored),
      version: "1",
      codeDigest: "sha256:1",
      settings: {
        ...stored.settings,
        memoryMib: 64,
        tags: { old: "yes" },
        reservedConcurrency: 0,
      },
    };
    const at = atVersion(stored, parseVersion(encodeVersion(first)));
    assert.equal(at.version, "1");
    assert.equal(at.codeDigest, "sha256:1");
    assert.equal(at.settings.memoryMib, 64);
    assert.deepEqual(at.settings.tags, { now: "yes" });
    assert.equal(at.settings.reservedConcurrency, undefined);
  });
});
