import assert from "node:assert/strict";
import type { UsageRecord } from "@tidepool/sdk";
import { describeLine } from "./logs.ts";
import { describeUsage } from "./usage.ts";

const record: UsageRecord = {
  id: "1",
  fromMs: Date.parse("2026-11-23T10:00:00Z"),
  toMs: Date.parse("2026-11-23T10:01:00Z"),
  tenant: "default",
  functionName: "hello",
  version: "1",
  calls: 3,
  failedCalls: 1,
  throttledCalls: 0,
  gbSeconds: 0,
  idleGbSeconds: 0,
  source: "frontend f-1",
};

describe("describeUsage", () => {
  it("adds up the records of a function over versions, minutes, frontends and hosts", () => {
    const ofHost = { ...record, calls: 0, failedCalls: 0, source: "host h-1", gbSeconds: 1.25 };
    const other = { ...record, functionName: "bye", version: "7", throttledCalls: 2 };
    const lines = describeUsage([record, ofHost, { ...ofHost, version: "2" }, other]).split("\n");
    const cells = lines.map((line) => line.trim().split(/ {2,}/));
    assert.deepEqual(cells.slice(1, 4), [
      ["bye", "3", "1", "2", "0.000", "0.000"],
      ["hello", "3", "1", "0", "2.500", "0.000"],
      ["all", "6", "2", "2", "2.500", "0.000"],
    ]);
    assert.match(lines[4] ?? "", /^from 2026-11-23 10:00:00.* to 2026-11-23 10:01:00/);
  });

  it("says so when there is nothing", () => {
    assert.match(describeUsage([]), /^nothing was used/);
  });
});

describe("describeLine", () => {
  const line = {
    atMs: record.fromMs,
    requestId: "0123456789",
    version: "1",
    stream: "stderr" as const,
    text: "hi",
    hostId: "h-1",
    vmId: "vm-1",
    functionName: "hello",
  };

  it("names the function only where those of several are shown", () => {
    assert.match(describeLine(line, false), /^2026-11-23 10:00:00\S* 01234567 ! hi\n$/);
    assert.match(describeLine(line, true), /^2026-11-23 10:00:00\S* hello 01234567 ! hi\n$/);
  });
});
