/** What people read of forecasts and explanations. */
import assert from "node:assert/strict";
import type { CallExplanation, Forecast, Window } from "@tidepool/sdk";
import { describeForecast } from "./forecast.ts";
import { describeTenant } from "./tenant.ts";
import { describeExplanation } from "./why.ts";

const dueMs = Date.UTC(2026, 10, 23, 10, 30);
const window: Window = {
  startAtMs: dueMs - 5_000,
  endAtMs: dueMs + 5_000,
  expectedAtMs: dueMs,
  count: 1,
  degree: 0.94,
};
const prewarm = {
  window,
  orderedAtMs: dueMs - 9_000,
  readyByMs: dueMs - 7_000,
  releaseAtMs: dueMs + 7_000,
  count: 1,
  orderCount: 1,
  vmIds: ["vm-1"],
  failures: [],
  usedCount: 0,
  isShadow: false,
};
const explanation: CallExplanation = {
  requestId: "r-1",
  functionName: "report",
  summary: "cold: expected 10:30:00 UTC ± 5 s (degree 0.94), came 42 s early.",
  reason: "early",
  outcome: {
    version: "3",
    atMs: dueMs - 42_000,
    endedAtMs: dueMs - 41_900,
    start: "cold",
    stages: { routingMs: 1, waitingMs: 60, restoreMs: 20, loadMs: 10, runMs: 9 },
    vmId: "vm-9",
    hostId: "h-1",
    readyBeforeMs: 0,
    window: undefined,
    failure: undefined,
    underWay: [],
    underWayCount: 0,
  },
  expectation: {
    prediction: "on",
    coldStartCost: 600,
    keepAliveMs: 600_000,
    callsSeen: 9,
    previousCallAtMs: dueMs - 1_800_000,
    degree: 0.94,
    window,
    evidence: ["every 1800 s, within 0.40 s"],
    hits: 7,
    misses: 1,
    prewarm,
    keepUntilMs: dueMs - 1_795_000,
    keepBecause: "forecast",
    notPreparedBecause: "",
    idleVms: 0,
    busyVms: 0,
  },
  vmSteps: [
    { atMs: dueMs - 1_795_000, vmId: "vm-1", hostId: "h-1", phase: "gone", reason: "used" },
  ],
};
const forecast: Forecast = {
  name: "report",
  degree: 0.94,
  periodMs: 1_800_000,
  windows: [window],
  evidence: ["9 calls at 9 instants seen"],
  callsSeen: 9,
  hits: 7,
  misses: 1,
  prewarmAtMs: dueMs - 9_000,
  prediction: "shadow",
  predictionFrom: "tenant",
  coldStartCost: 600,
  coldStartCostFrom: "default",
  recent: [
    { window, calledAtMs: dueMs + 400, wasPrepared: true, wasShadow: true },
    { window, calledAtMs: undefined, wasPrepared: false, wasShadow: false },
  ],
  plan: ["prediction is in shadow: VMs are kept 600 s after each call"],
  keepUntilMs: undefined,
  comparison: {
    sinceMs: dueMs - 7_200_000,
    calls: 4,
    coldStarts: 1,
    fixedColdStarts: 4,
    idleVmSeconds: 50,
    fixedIdleVmSeconds: 2_400,
    preparedWindows: 4,
  },
  tenantCap: { used: 12.34, max: 3_600_000 },
  shardCap: { used: 12.34, max: 360_000 },
  prewarm: { ...prewarm, isShadow: true },
  provisioned: { wanted: 2, ready: 1, changesAtMs: undefined, wantedThen: 0 },
};

describe("describeExplanation", () => {
  it("has the sentence first, then what it rests on, in UTC", () => {
    const lines = describeExplanation(explanation).split("\n");
    assert.equal(lines[0], explanation.summary);
    const text = lines.slice(1).join("\n");
    for (const part of [
      "request   r-1 of report",
      "came      2026-11-23 10:29:18.000Z, version 3, took 100 ms",
      "started   cold in vm-9 on h-1",
      "expected  2026-11-23 10:30:00.000Z ± 5 s, 1 at once, degree 0.94, came 42 s early",
      "before    9 calls, the last at 2026-11-23 10:00:00.000Z; windows hit 7, missed 1",
      "manner    prediction on, a cold start is worth 600 idle VM-seconds, keep-alive 10 min",
      "prepared  ordered at 2026-11-23 10:29:51.000Z",
      "kept      until 2026-11-23 10:00:05.000Z (forecast)",
      "VM        2026-11-23 10:00:05.000Z vm-1 gone (used)",
    ])
      assert.ok(text.includes(part), `${part} in\n${text}`);
  });

  it("says what is not recorded", () => {
    const bare = { ...explanation, outcome: undefined, expectation: undefined, vmSteps: [] };
    assert.match(describeExplanation(bare), /expected {2}nothing is recorded of what was expected/);
  });
});

describe("describeForecast", () => {
  it("tells plan, switch, price, past windows and what shadow would save", () => {
    const text = describeForecast(forecast);
    for (const part of [
      "prediction shadow (tenant), a cold start is worth 600 idle VM-seconds (default)",
      "next VM would get ready from",
      "1 VM would wait from",
      "of 4 calls: the plan would have had 1 cold and 50 idle VM-seconds, the fixed keep-alive 4 and 2400 idle VM-seconds",
      "3 cold starts avoided, 2350 idle VM-seconds saved (modelled, one VM at a time)",
      "pre-warmed VMs idled 12 of 3600000 VM-seconds of the tenant's hour",
    ])
      assert.ok(text.includes(part), `${part} in\n${text}`);
    assert.match(text, /\+0\.4 s +would be\n.*missed +- +no\n/);
  });
});

describe("describeTenant", () => {
  it("names the defaults as such", () => {
    const settings = {
      prediction: "inherit",
      coldStartCost: 0,
      prewarmIdleVmSecondsMax: 0,
    } as const;
    const text = describeTenant({ name: "default", settings, updatedAtMs: undefined });
    assert.match(text, /set never\n.*on \(default\)\n.*keep-alive \(default\)\n.*the default\n/);
  });
});
