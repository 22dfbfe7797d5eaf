import assert from "node:assert/strict";
import { areTogether, isMajority } from "./majority-watch.ts";

const silenceMaxMs = 3_000;
const answer = (...activeMs: readonly number[]): string =>
  JSON.stringify({
    cluster: { leader: "n-1", replicas: activeMs.map((ms) => ({ active: ms * 1e6 })) },
  });

describe("isMajority", () => {
  it("holds while the leader hears one of two others, and for a server alone", () => {
    assert.equal(isMajority(answer(10, 9_000), silenceMaxMs), true);
    assert.equal(isMajority(JSON.stringify({ config: {} }), silenceMaxMs), true);
  });

  it("does not hold for a leader that hears nobody, which does not know yet that it leads nobody", () => {
    assert.equal(isMajority(answer(4_000, 9_000), silenceMaxMs), false);
    const offline = { cluster: { replicas: [{ active: 1, offline: true }, { active: 4e9 }] } };
    assert.equal(isMajority(JSON.stringify(offline), silenceMaxMs), false);
  });

  it("does not hold where the servers have no leader, and holds before anything was stored", () => {
    const failed = (err_code: number): string => JSON.stringify({ error: { err_code } });
    assert.equal(isMajority(failed(10_008), silenceMaxMs), false);
    assert.equal(isMajority(failed(10_059), silenceMaxMs), true);
  });
});

describe("areTogether", () => {
  it("holds while the leader hears every server, and for a server alone", () => {
    assert.equal(areTogether(answer(10, 1_000), 3, silenceMaxMs), true);
    assert.equal(areTogether(JSON.stringify({ config: {} }), 1, silenceMaxMs), true);
  });

  it("does not hold where one is silent or has no copy, and where nobody leads", () => {
    assert.equal(areTogether(answer(10, 3_000), 3, silenceMaxMs), false);
    assert.equal(areTogether(answer(10, 10), 4, silenceMaxMs), false);
    const offline = { cluster: { replicas: [{ active: 1, offline: true }, { active: 1 }] } };
    assert.equal(areTogether(JSON.stringify(offline), 3, silenceMaxMs), false);
    assert.equal(areTogether(JSON.stringify({ error: { err_code: 10_008 } }), 1, 1_000), false);
  });
});
