/** What was forecast is packed away with a function, not made again: the same decisions and lessons as if it were. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { planPolicyDefault, policies } from "@tidepool/policy";
import type { Decision, FunctionRecord } from "@tidepool/policy";
import { decodeMemory, encodeMemory } from "./memory-codec.ts";

const minuteMs = 60_000;
const startMs = 1_763_000_000_000;
/** Steady, now and then, and in two phases; with calls that come again at once. */
const gapMinutes = fc.oneof(
  fc.array(fc.constantFrom(0, 1, 1, 2), { minLength: 20, maxLength: 40 }),
  fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 20, maxLength: 40 }),
  fc.array(fc.constantFrom(20, 40), { minLength: 20, maxLength: 40 }),
);

/** The policy of a shard of its own, which finds no forecast but the one kept. */
function shardPolicy(): NonNullable<ReturnType<NonNullable<typeof policies.learned.onFleet>>> {
  const shard = policies.learned.onFleet?.();
  assert.ok(shard);
  return shard;
}

function run(gaps: readonly number[], seed: number, isKept: boolean) {
  const { policy, fleet } = shardPolicy();
  let record = policy.createRecord(planPolicyDefault);
  const decisions: Decision[] = [];
  let keptCount = 0;
  let atMs = startMs + seed;
  const packed = (given: FunctionRecord): FunctionRecord => {
    const again = decodeMemory(encodeMemory({ record: given, ledger: undefined })).record;
    if (again.slots === undefined) return again;
    if (!isKept) again.slots.calls.path = undefined;
    else if (again.slots.calls.path !== undefined) keptCount += 1;
    return again;
  };
  for (const minutes of gaps) {
    record = packed(policy.noteArrival(record, planPolicyDefault, atMs));
    const decided = policy.decide(record, planPolicyDefault, { idleVmCount: 0 }, atMs);
    record = packed(record);
    decisions.push(decided);
    const nextMs = atMs + minutes * minuteMs + (seed % 7_000);
    const { nextWakeAtMs } = decided;
    if (nextWakeAtMs !== undefined && nextWakeAtMs < nextMs) {
      decisions.push(policy.decide(record, planPolicyDefault, { idleVmCount: 1 }, nextWakeAtMs));
      record = packed(record);
    }
    atMs = nextMs;
  }
  if (record.slots !== undefined) record.slots.calls.path = undefined;
  const bytes = Uint8Array.from(encodeMemory({ record, ledger: undefined }));
  return { decisions, bytes, outcomes: fleet.outcomes, keptCount };
}

describe("forecasts that are kept", () => {
  it("lead to the same decisions and the same memory as forecasts made anew", () => {
    let keptCount = 0;
    fc.assert(
      fc.property(gapMinutes, fc.nat(minuteMs), (gaps, seed) => {
        const kept = run(gaps, seed, true);
        const anew = run(gaps, seed, false);
        assert.deepEqual(kept.decisions, anew.decisions);
        assert.deepEqual(kept.bytes, anew.bytes);
        assert.equal(kept.outcomes, anew.outcomes);
        assert.equal(anew.keptCount, 0);
        keptCount += kept.keptCount;
      }),
      { numRuns: 8 },
    );
    assert.ok(keptCount > 20, `${keptCount} forecasts were kept`);
  });
});
