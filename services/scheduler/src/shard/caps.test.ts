/** Caps on idle pre-warmed time, and the terms that apply to a function. */
import assert from "node:assert/strict";
import type { Decision, Prewarm } from "@tidepool/policy";
import { tenantTermsDefault } from "../ports.ts";
import type { TenantTerms } from "../ports.ts";
import { Caps } from "./caps.ts";
import type { PreparedWindow } from "./function-state.ts";
import { capSpanMs, ToldUses } from "./prewarm-meter.ts";
import { termsOf } from "./terms.ts";
import { aVersion } from "../testing/a-version.ts";

const version = aVersion();
const nowMs = 10 * capSpanMs;
/** 10 VM-seconds: one VM, ten seconds. */
const prewarm: Prewarm = {
  startAtMs: nowMs,
  readyByMs: nowMs + 1_000,
  count: 1,
  orderCount: 1,
  windowStartAtMs: nowMs + 2_000,
  windowEndAtMs: nowMs + 10_000,
  releaseAtMs: nowMs + 11_000,
};
const decision: Decision = {
  degree: 0.9,
  forecast: undefined,
  keepUntilMs: nowMs + 5_000,
  prewarm,
  nextWakeAtMs: nowMs + 10_001,
};

function aCaps(terms: Partial<TenantTerms>, shardMax = 1_000): { caps: Caps; told: ToldUses } {
  const told = new ToldUses();
  const tenantOf = (): TenantTerms => ({ ...tenantTermsDefault, ...terms });
  const world = { tenantOf, toldUses: told, shardPrewarmIdleVmSecondsMax: shardMax };
  return { caps: new Caps(world, 3), told };
}
const apply = (caps: Caps, atMs = nowMs): ReturnType<Caps["apply"]> =>
  caps.apply("default", decision, version.keepAliveMs, atMs);

describe("Caps", () => {
  it("lets a pre-warm through up to the cap, and orders nothing over it", () => {
    const { caps } = aCaps({ prewarmIdleVmSecondsMax: 25 });
    for (let i = 0; i < 2; i += 1) {
      assert.equal(apply(caps).decision.prewarm, prewarm);
      caps.take(version, prewarm, nowMs);
    }
    const { decision: capped, refusal } = apply(caps);
    assert.equal(capped.prewarm, undefined);
    assert.match(refusal ?? "", /tenant default have idled 20 of at most 25 VM-seconds.*needs 10/);
    assert.equal(capped.keepUntilMs, nowMs + version.keepAliveMs, "the fixed keep-alive instead");
  });

  it("has a cap of its own for the shard", () => {
    const { caps } = aCaps({}, 15);
    caps.take(version, prewarm, nowMs);
    assert.match(apply(caps).refusal ?? "", /shard 3 have idled 10 of at most 15/);
  });

  it("forgets what is an hour old", () => {
    const { caps } = aCaps({ prewarmIdleVmSecondsMax: 15 });
    caps.take(version, prewarm, nowMs);
    assert.ok(apply(caps, nowMs + capSpanMs / 2).refusal);
    assert.equal(apply(caps, nowMs + capSpanMs + 60_000).refusal, undefined);
  });

  it("does not count what a call made use of", () => {
    const { caps } = aCaps({ prewarmIdleVmSecondsMax: 15 });
    caps.take(version, prewarm, nowMs);
    const { readyByMs, releaseAtMs } = prewarm;
    const prepared = { orderedAtMs: nowMs, readyByMs, releaseAtMs } as PreparedWindow;
    caps.giveBack(version, prepared, readyByMs + 4_000);
    assert.equal(caps.ofTenant("default", nowMs).usedVmSeconds, 4);
    assert.equal(caps.ofShard(nowMs).usedVmSeconds, 4);
  });

  it("counts a tenant's use in other shards, and not its own twice", () => {
    const { caps, told } = aCaps({ prewarmIdleVmSecondsMax: 25 });
    caps.take(version, prewarm, nowMs);
    told.note(3, caps.tenantUses(nowMs), nowMs);
    assert.equal(caps.ofTenant("default", nowMs).usedVmSeconds, 10);
    told.note(4, [{ tenant: "default", vmSeconds: 8 }], nowMs);
    assert.equal(caps.ofTenant("default", nowMs).usedVmSeconds, 18);
    assert.ok(apply(caps).refusal);
    told.note(4, [], nowMs);
    assert.equal(apply(caps).refusal, undefined);
  });
});

describe("termsOf", () => {
  const tenant: TenantTerms = { ...tenantTermsDefault, prediction: "shadow", coldStartCost: 7 };

  it("takes the function's word before its tenant's, and that before the default", () => {
    const own = termsOf({ ...version, prediction: "off", coldStartCost: 3 }, tenant);
    assert.deepEqual(own, {
      prediction: "off",
      predictionFrom: "function",
      coldStartCost: 3,
      coldStartCostFrom: "function",
    });
    const inherited = termsOf(version, tenant);
    assert.deepEqual([inherited.prediction, inherited.predictionFrom], ["shadow", "tenant"]);
    assert.deepEqual([inherited.coldStartCost, inherited.coldStartCostFrom], [7, "tenant"]);
  });

  it("predicts by default, with a cold start worth twice the keep-alive", () => {
    const { prediction, coldStartCost, predictionFrom } = termsOf(version, tenantTermsDefault);
    assert.deepEqual([prediction, coldStartCost, predictionFrom], ["on", 1_200, "default"]);
  });
});
