import assert from "node:assert/strict";
import type { CompleteSettings, FunctionDescription } from "@tidepool/sdk";
import { compareFunction } from "./compare.ts";

const settings: CompleteSettings = {
  runtime: "nodejs20",
  handler: "index.handler",
  memoryMib: 128,
  vcpuCount: 1,
  timeoutMs: 30_000,
  initTimeoutMs: 10_000,
  environment: { A: "1" },
  secrets: {},
  description: "",
  tags: {},
  keepAliveMs: 600_000,
  snapshotInit: false,
  singleUse: false,
  network: "none",
  prediction: "inherit",
  coldStartCost: 0,
  provisioned: [],
};

const wanted = { name: "f", settings, codeDigest: "sha256:1", codeBytes: 1 };
const deployed = { name: "f", settings, codeDigest: "sha256:1" } as FunctionDescription;

describe("A project beside what is deployed", () => {
  it("has nothing to do where nothing differs", () => {
    assert.deepEqual(compareFunction(wanted, deployed), {
      name: "f",
      kind: "none",
      isCodeNew: false,
      settings: [],
    });
  });

  it("sees new code alone", () => {
    const change = compareFunction({ ...wanted, codeDigest: "sha256:2" }, deployed);
    assert.deepEqual([change.kind, change.isCodeNew, change.settings], ["change", true, []]);
  });

  it("names each variable that is new, changed or gone, and what was set before and is not now", () => {
    const before = { ...settings, environment: { A: "1", B: "2" }, reservedConcurrency: 5 };
    const after = { ...settings, environment: { A: "9", C: "3" }, provisioned: [{ count: 1 }] };
    const change = compareFunction(
      { ...wanted, settings: after },
      { ...deployed, settings: before },
    );
    assert.deepEqual(change.settings, [
      { what: "environment.A", before: "1", after: "9" },
      { what: "environment.B", before: "2", after: undefined },
      { what: "environment.C", before: undefined, after: "3" },
      { what: "provisioned", before: [], after: [{ count: 1 }] },
      { what: "reservedConcurrency", before: 5, after: undefined },
    ]);
  });

  it("creates what is not there", () => {
    assert.equal(compareFunction(wanted, undefined).kind, "create");
  });
});
