/**
 * The shortlist of hosts against a look at each of them. What could go wrong: an index that is not told of a
 * change, so that a host is chosen that has nothing ready, or a worse one than there is.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "@tidepool/policy";
import { place } from "../placement/index.ts";
import { configKeyOf, versionKeyOf } from "../ports.ts";
import type { FunctionVersion } from "../ports.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { hostSilenceMaxMs, HostTable } from "./host-table.ts";
import { aVersion } from "../testing/a-version.ts";

const versions = [
  aVersion({ name: "a" }),
  aVersion({ name: "b" }),
  aVersion({ name: "c", memoryMib: 256 }),
];

const heartbeat = fc.record({
  hostId: fc.constantFrom("h-1", "h-2", "h-3", "h-4"),
  address: fc.constant("x:1"),
  memoryMib: fc.constant(1_024),
  memoryUsedMib: fc.constantFrom(0, 1_000),
  vmCount: fc.nat(4),
  vmCountMax: fc.constant(4),
  isDraining: fc.constantFrom(false, false, false, true),
  pools: fc.subarray([128, 256]).chain((sizes) =>
    fc.tuple(
      ...sizes.map((memoryMib) =>
        fc.nat(2).map((ready) => ({
          runtime: "nodejs20",
          memoryMib,
          vcpuCount: 1,
          ready,
          prepareP95Ms: 60,
        })),
      ),
    ),
  ),
  functions: fc
    .subarray(["a", "b", "c"])
    .chain((names) =>
      fc.tuple(
        ...names.map((name) =>
          fc.nat(2).map((idle) => ({ name, version: "1", idle, busy: 1, loading: 0 })),
        ),
      ),
    ),
});
const step = fc.oneof(
  heartbeat.map((told) => ({ kind: "told" as const, told })),
  fc.record({
    kind: fc.constant("order" as const),
    of: fc.nat(versions.length - 1),
    isPrewarm: fc.boolean(),
  }),
  fc.constant({ kind: "silence" as const }),
);

describe("HostTable's shortlist", () => {
  it("has a host of those that a look at each finds best, after whatever was told and ordered", () => {
    const reasons = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat(), (steps, seed) => {
        const table = new HostTable();
        const random = seededRandom(seed);
        let nowMs = 0;
        for (const one of steps) {
          nowMs += 1;
          if (one.kind === "told") table.note(one.told satisfies Heartbeat, nowMs);
          else if (one.kind === "silence") table.sweep((nowMs += hostSilenceMaxMs / 2));
          else {
            const version = versions[one.of];
            assert.ok(version !== undefined);
            const reason = chosen(table, version, one.isPrewarm, random);
            if (reason !== undefined) reasons.add(reason);
          }
        }
      }),
      { numRuns: 300, seed: 1 },
    );
    assert.ok(reasons.has("idle") && reasons.has("pool") && reasons.size >= 4, [...reasons].join());
  });
});

/** Places and orders. @returns what the chosen host has ready */
function chosen(
  table: HostTable,
  version: FunctionVersion,
  isPrewarm: boolean,
  random: () => number,
): string | undefined {
  const request = {
    versionKey: versionKeyOf(version.name, version.version),
    configKey: configKeyOf(version),
    codeDigest: version.codeDigest,
    memoryMib: version.memoryMib,
    vcpuCount: version.vcpuCount,
    isPrewarm,
  };
  const all = place(request, table.views(), random);
  const few = place(request, table.shortlist(version, isPrewarm, random), random);
  if (!all.ok || !few.ok) {
    assert.deepEqual(few, all);
    return undefined;
  }
  assert.equal(few.reason, all.reason);
  table.noteOrdered(few.hostId, version, isPrewarm);
  return few.reason;
}
