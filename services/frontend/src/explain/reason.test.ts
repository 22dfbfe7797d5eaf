/** Each reason from the records that show it, in words. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { tidepool } from "@tidepool/proto";
import type { Expectation, Outcome, Prewarm, Step } from "./call-facts.ts";
import { explain, reasons } from "./reason.ts";
import type { CallEvidence, Reason } from "./reason.ts";

const { START_COLD, START_POOL, START_PREDICTED, START_UNSPECIFIED, START_WARM } =
  tidepool.v1.Start;
const dueMs = Date.UTC(2026, 10, 23, 10, 30);
const window = {
  startAtMs: dueMs - 5_000,
  endAtMs: dueMs + 5_000,
  expectedAtMs: dueMs,
  count: 1,
  degree: 0.94,
};
const anOutcome = (part: Partial<Outcome> = {}): Outcome => ({
  requestId: "r-1",
  functionName: "f",
  version: "2",
  atMs: dueMs,
  endedAtMs: dueMs + 50,
  start: START_COLD,
  vmId: "vm-9",
  readyBeforeMs: 0,
  loadMs: 12.4,
  window: undefined,
  failureCode: "",
  failureMessage: "",
  underWay: [],
  underWayCount: 0,
  ...part,
});
const anExpectation = (part: Partial<Expectation> = {}): Expectation => ({
  prediction: "on",
  keepAliveMs: 600_000,
  callsSeen: 9,
  previousCallAtMs: dueMs - 840_000,
  previousVersion: "2",
  versionCalledAtMs: undefined,
  window: undefined,
  degree: 0,
  prewarm: undefined,
  keepUntilMs: undefined,
  isKeptByForecast: false,
  notPreparedBecause: "",
  ...part,
});
const aPrewarm = (part: Partial<Prewarm> = {}): Prewarm => ({
  orderedAtMs: dueMs - 9_000,
  readyByMs: dueMs - 7_000,
  releaseAtMs: dueMs + 7_000,
  count: 1,
  vmIds: ["vm-1"],
  failures: [],
  usedCount: 0,
  isShadow: false,
  ...part,
});
const aStep = (phase: string, atMs: number, reason = ""): Step => ({
  atMs,
  vmId: "vm-1",
  hostId: "h-1",
  phase,
  reason,
});

const told: readonly [string, Reason, Partial<CallEvidence>, RegExp][] = [
  [
    "a predicted start",
    "predicted",
    {
      outcome: anOutcome({
        start: START_PREDICTED,
        window,
        readyBeforeMs: 4_000,
        atMs: dueMs + 400,
      }),
    },
    /^predicted: a VM had waited for it for 4 s; it was expected 10:30:00 UTC ± 5 s \(degree 0\.94\) and came 0\.4 s late\.$/,
  ],
  [
    "a warm start",
    "warm",
    { outcome: anOutcome({ start: START_WARM, readyBeforeMs: 61_000 }) },
    /^warm: a VM that an earlier call had left had been idle for 1 min 1 s\.$/,
  ],
  [
    "a call without a VM",
    "noVm",
    {
      outcome: anOutcome({
        start: START_UNSPECIFIED,
        failureCode: "noCapacity",
        failureMessage: "full",
      }),
    },
    /^the call ended before it had a VM; it failed with noCapacity: full\.$/,
  ],
  ["a call that still runs", "unfinished", { outcome: undefined }, /has not ended yet/],
  [
    "a shard that was changing hands",
    "unrecorded",
    { expectation: undefined },
    /^cold: what had been expected of it was not recorded; the warming pool had no VM/,
  ],
  [
    "a first call",
    "firstCall",
    {
      outcome: anOutcome({ start: START_POOL }),
      expectation: anExpectation({
        callsSeen: 0,
        previousCallAtMs: undefined,
        previousVersion: "",
      }),
    },
    /^pool: first call ever of this function; a VM of the warming pool loaded the code in 12 ms\.$/,
  ],
  [
    "a new version",
    "newVersion",
    { expectation: anExpectation({ previousVersion: "1" }) },
    /first call of version 2, which VMs of version 1 do not run/,
  ],
  [
    "a version that calls have gone back to",
    "newVersion",
    { expectation: anExpectation({ previousVersion: "3", versionCalledAtMs: dueMs - 60_000 }) },
    /the call before ran version 3, whose VMs do not run version 2; that was called last at 10:29:00 UTC/,
  ],
  [
    "a version that is called in turn with another, and busy",
    "busy",
    {
      outcome: anOutcome({ underWayCount: 1 }),
      expectation: anExpectation({ previousVersion: "3", versionCalledAtMs: dueMs - 1_000 }),
    },
    /a call was under way already, and no other VM was idle/,
  ],
  [
    "a version that took over with a VM of its own",
    "warm",
    {
      outcome: anOutcome({ start: START_WARM, readyBeforeMs: 5_000 }),
      expectation: anExpectation({ previousVersion: "1" }),
    },
    /^warm: a VM that was made ready when version 2 took over from version 1 had been idle for 5 s/,
  ],
  [
    "calls beyond those expected",
    "surplus",
    { expectation: anExpectation({ window, prewarm: aPrewarm({ usedCount: 1 }) }) },
    /1 call was expected in this window, and 1 had come before/,
  ],
  [
    "a pre-warm that failed",
    "prewarmFailed",
    {
      expectation: anExpectation({
        window,
        prewarm: aPrewarm({ vmIds: [], failures: ["h-1 has no memory"] }),
      }),
    },
    /pre-warm failed: h-1 has no memory/,
  ],
  [
    "a VM that was not ready yet",
    "prewarmNotReady",
    {
      outcome: anOutcome({ atMs: dueMs - 8_800 }),
      expectation: anExpectation({ window, prewarm: aPrewarm() }),
      steps: [aStep("loading", dueMs - 8_900)],
    },
    /a VM was ordered at 10:29:51 UTC, 0\.2 s before, and was not ready yet/,
  ],
  [
    "a prepared VM that was evicted",
    "prewarmGone",
    {
      expectation: anExpectation({ window, prewarm: aPrewarm() }),
      steps: [aStep("idle", dueMs - 8_000), aStep("gone", dueMs - 3_000, "evicted")],
    },
    /the VM vm-1 that waited for it was gone at 10:29:57 UTC: evicted/,
  ],
  [
    "a VM that was busy",
    "busy",
    {
      outcome: anOutcome({ underWay: ["r-0"], underWayCount: 1 }),
      expectation: anExpectation(),
      underWay: [anOutcome({ requestId: "r-0", vmId: "vm-1", endedAtMs: dueMs + 10 })],
    },
    /a call was under way already \(r-0 in vm-1\), and no other VM was idle/,
  ],
  [
    "prediction that is off",
    "predictionOff",
    { expectation: anExpectation({ prediction: "off" }) },
    /prediction is off: kept 10 min after the call of 10:16:00 UTC, this came 14 min after/,
  ],
  [
    "prediction in shadow",
    "shadow",
    {
      expectation: anExpectation({
        prediction: "shadow",
        window,
        prewarm: aPrewarm({ isShadow: true, vmIds: [] }),
      }),
    },
    /in shadow and it would have had a VM ready for 10:30:00 UTC ± 5 s \(degree 0\.94\); kept 10 min/,
  ],
  [
    "a cap",
    "notPrepared",
    { expectation: anExpectation({ window, notPreparedBecause: "the cap of t is used up" }) },
    /expected 10:30:00 UTC ± 5 s \(degree 0\.94\), but no VM was prepared: the cap of t is used up/,
  ],
  [
    "a call that came early",
    "early",
    {
      outcome: anOutcome({ atMs: dueMs - 42_000 }),
      expectation: anExpectation({
        window,
        isKeptByForecast: true,
        keepUntilMs: dueMs - 800_000,
      }),
    },
    /expected 10:30:00 UTC ± 5 s \(degree 0\.94\), came 42 s early; VMs had been kept until 10:16:40 UTC/,
  ],
  [
    "a call that came late",
    "late",
    { outcome: anOutcome({ atMs: dueMs + 42_000 }), expectation: anExpectation({ window }) },
    /came 42 s late/,
  ],
  [
    "calls without a period",
    "noPeriod",
    { expectation: anExpectation() },
    /no period known: kept 10 min after the call of 10:16:00 UTC, this came 14 min after/,
  ],
  [
    "a VM that was lost in its keep-alive",
    "vmGone",
    {
      expectation: anExpectation({ previousCallAtMs: dueMs - 60_000 }),
      steps: [aStep("gone", dueMs - 30_000, "failed")],
    },
    /the VM vm-1 of the calls before was gone at 10:29:30 UTC: failed/,
  ],
  [
    "what nothing shows",
    "unknown",
    { expectation: anExpectation({ previousCallAtMs: dueMs - 60_000 }) },
    /no idle VM was found, and nothing recorded says why/,
  ],
];

describe("explain", () => {
  it("has each reason among these tests and in docs/prediction.md", () => {
    assert.deepEqual(new Set(told.map(([, reason]) => reason)), new Set(reasons));
    const page = readFileSync(new URL("../../../../docs/prediction.md", import.meta.url), "utf8");
    for (const reason of reasons) assert.match(page, new RegExp(`^\\|[^|]*\`${reason}\``, "m"));
  });

  for (const [what, reason, part, words] of told) {
    it(`tells of ${what}`, () => {
      const evidence = { outcome: anOutcome(), expectation: undefined, underWay: [], steps: [] };
      const found = explain({ ...evidence, ...part });
      assert.equal(found.reason, reason, found.summary);
      assert.match(found.summary, words);
    });
  }

  it("blames no call that had ended, and none where VMs are told to have waited", () => {
    const ended = anOutcome({ requestId: "r-0", endedAtMs: dueMs - 1 });
    const outcome = anOutcome({ underWay: ["r-0"], underWayCount: 0 });
    const found = explain({ outcome, expectation: anExpectation(), underWay: [ended], steps: [] });
    assert.equal(found.reason, "noPeriod");
  });
});
