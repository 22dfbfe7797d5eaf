import assert from "node:assert/strict";
import { beyond, preparedShares, recoveries, unexplained } from "./chaos-report.ts";
import type { FailedCall } from "./load.ts";
import type { PeriodicCall } from "./periodic-load.ts";

const failure = (more: Partial<FailedCall>): FailedCall => ({
  atMs: 1_000,
  endedAtMs: 1_010,
  code: "unavailable",
  component: "host",
  reason: "hostLost",
  isRetryable: true,
  message: "",
  ...more,
});
const call = (name: string, atMs: number, start: PeriodicCall["start"]): PeriodicCall => ({
  name,
  atMs,
  start,
  why: undefined,
});

describe("What kills have cost", () => {
  it("counts a failed call as inside a killed host or frontend only when it was under way and failed so", () => {
    const host = [{ name: "host-1", atMs: 1_005, endedAtMs: 1_006 }];
    const frontend = [{ name: "frontend-2", atMs: 1_005, endedAtMs: 1_006 }];
    const atFrontend = failure({ component: "client", reason: undefined });
    assert.deepEqual(beyond([failure({})], host), []);
    assert.deepEqual(beyond([atFrontend], frontend), []);
    const others = [
      failure({ atMs: 1_007 }),
      failure({ endedAtMs: 1_004 }),
      failure({ reason: "schedulerSilent", component: "scheduler" }),
    ];
    assert.deepEqual(beyond(others, host), others);
    assert.deepEqual(beyond([failure({})], frontend), [failure({})]);
    const scheduler = [{ name: "scheduler-1", atMs: 1_005, endedAtMs: 1_006 }];
    assert.deepEqual(beyond([failure({})], scheduler), [failure({})]);
  });

  it("explains by a kill only what may be tried again and began near it", () => {
    const kills = [{ name: "host-1", atMs: 1_500, endedAtMs: 1_500 }];
    const strange = [failure({ atMs: 3_000 }), failure({ isRetryable: false })];
    assert.deepEqual(unexplained([failure({}), ...strange], kills), strange);
  });

  it("tells of each kill how many calls were not predicted, and when the last was made", () => {
    const kills = [
      { name: "host-1", atMs: 0, endedAtMs: 5 },
      { name: "nats-1", atMs: 20_000, endedAtMs: 20_000 },
    ];
    const calls = [
      call("a", 1_000, "pool"),
      call("b", 2_000, "predicted"),
      call("a", 6_000, "predicted"),
      call("b", 8_000, undefined),
      call("a", 21_000, "warm"),
      call("b", 22_000, "cold"),
    ];
    const found = recoveries(kills, calls).map((each) => [
      each.name,
      each.unpreparedCount,
      each.lastUnpreparedMs,
    ]);
    assert.deepEqual(found, [
      ["host-1", 2, 8_000],
      ["nats-1", 1, 2_000],
    ]);
    const before = call("a", -1_000, "pool");
    assert.deepEqual(preparedShares(kills, [before, ...calls], 7_000), {
      soon: { calls: 5, unprepared: 2 },
      later: { calls: 1, unprepared: 1 },
    });
  });
});
