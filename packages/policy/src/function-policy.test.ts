/** The two policies behind one door: what each does with the same calls, and a change from one to the other. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planPolicyDefault, policies, policyNamed, policyNames } from "./index.ts";
import type { FunctionPolicy, FunctionRecord } from "./index.ts";

const settings = planPolicyDefault;
const periodMs = 30 * 60_000;
const noIdle = { idleVmCount: 0 };

function called(policy: FunctionPolicy, count: number, from?: FunctionRecord): FunctionRecord {
  let record = from ?? policy.createRecord(settings);
  const first = record.history.ticksSeen + 1;
  for (let i = first; i < first + count; i += 1)
    record = policy.noteArrival(record, settings, i * periodMs);
  return record;
}

describe("FunctionPolicy", () => {
  it("fixed keeps for the keep-alive after every call and never pre-warms, however regular the calls", () => {
    const record = called(policies.fixed, 12);
    const nowMs = 12 * periodMs;
    const decision = policies.fixed.decide(record, settings, noIdle, nowMs);
    assert.equal(decision.degree, 0);
    assert.equal(decision.prewarm, undefined);
    assert.equal(decision.keepUntilMs, nowMs + settings.keepAliveMs);
    assert.deepEqual(policies.fixed.functionDemand(record, settings, nowMs), {
      count: 1,
      degree: 0,
      coverage: 0,
    });
  });

  it("fixed stays fixed on a record that learned calls have filled", () => {
    const record = called(policies.learned, 12);
    const nowMs = 12 * periodMs;
    assert.ok(policies.learned.decide(record, settings, noIdle, nowMs).degree > 0.8);
    const decision = policies.fixed.decide(record, settings, noIdle, nowMs);
    assert.deepEqual([decision.degree, decision.prewarm], [0, undefined]);
    assert.equal(policies.fixed.functionDemand(record, settings, nowMs).degree, 0);
  });

  it("learned finds the period at the first call after a change from fixed", () => {
    const record = called(policies.learned, 1, called(policies.fixed, 12));
    assert.ok(policies.learned.decide(record, settings, noIdle, 13 * periodMs).degree > 0.5);
  });

  it("is found by its name, and an unknown name is refused with the known ones", () => {
    for (const name of policyNames) assert.equal(policyNamed(name).name, name);
    assert.throws(() => policyNamed("magic"), {
      code: "invalid",
      message: /no policy is named 'magic'; there are learned, periodic, fixed/,
    });
    assert.throws(() => policyNamed("toString"), { code: "invalid" });
  });
});
