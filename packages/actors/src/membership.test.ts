import assert from "node:assert/strict";
import { Membership } from "./membership.ts";

const timing = { memberTtlMs: 4_000, fenceMarginMs: 1_000, electionMaxMs: 12_000 };

/** One that has heard the named others at 0 and renewed at 0. */
function aMember(...others: readonly string[]): Membership {
  const member = new Membership("a", timing);
  for (const id of others) member.recorded(id, ["a"], 0);
  member.renewed(0, member.renewing(0));
  return member;
}

describe("A member of a cluster", () => {
  it("acts for its time to live less the margin when it is alone, and cannot be vouched for", () => {
    const member = aMember();
    member.answeredBy("b", 2_000);
    assert.equal(member.actsUntilMs(), 3_000);
  });

  it("goes on without renewing while all others answer, each counted from when it was called", () => {
    const member = aMember("b", "c");
    member.answeredBy("b", 2_500);
    assert.equal(member.actsUntilMs(), 3_000, "c has not answered");
    member.answeredBy("c", 2_000);
    assert.equal(member.actsUntilMs(), 5_000);
    member.answeredBy("c", 1_000); // an earlier answer that comes late
    assert.equal(member.actsUntilMs(), 5_000);
  });

  it("does not go on for longer than an election may take, whoever answers", () => {
    const member = aMember("b");
    member.answeredBy("b", 60_000);
    assert.equal(member.actsUntilMs(), 15_000);
  });

  it("needs the word of those too that a renewal of unknown outcome has named", () => {
    const member = aMember("b");
    member.recorded("c", [], 500);
    assert.deepEqual(member.renewing(1_000), ["b", "c"]);
    member.answeredBy("b", 2_000);
    assert.equal(member.actsUntilMs(), 3_000);
    member.answeredBy("c", 2_000);
    assert.equal(member.actsUntilMs(), 5_000);
  });

  it("needs the word of one that has fallen silent for two times to live, and then no more", () => {
    const member = aMember("b", "c");
    member.recorded("b", ["a"], 5_000);
    assert.deepEqual(member.renewing(7_999), ["b", "c"]);
    assert.deepEqual(member.renewing(8_000), ["b"]);
    member.renewed(8_000, ["b"]);
    member.answeredBy("b", 9_000);
    assert.equal(member.actsUntilMs(), 12_000);
  });

  it("takes another for dead that was neither heard to renew nor to call for its time to live", () => {
    const member = aMember("b");
    member.heardOwn(60_000);
    assert.deepEqual([...member.aliveIds(3_999)], ["a", "b"]);
    assert.equal(member.nextDeathAtMs(1_000), 4_000);
    assert.ok(member.called("b", 3_000));
    assert.equal(member.nextDeathAtMs(1_000), 7_000);
    assert.deepEqual([...member.aliveIds(6_999)], ["a", "b"]);
    assert.deepEqual([...member.aliveIds(7_000)], ["a"]);
    assert.deepEqual(member.surelyDead(6_999), []);
    assert.deepEqual(member.surelyDead(7_000), ["b"]);
  });

  it("takes nobody for dead before it hears of its own what it sent when the other could act no more", () => {
    const member = aMember("b");
    member.heardOwn(2_999);
    assert.deepEqual([...member.aliveIds(60_000)], ["a", "b"]);
    assert.deepEqual(member.surelyDead(60_000), []);
    member.heardOwn(3_000);
    assert.deepEqual([...member.aliveIds(4_000)], ["a"]);
    member.recorded("c", ["d"], 10_000);
    for (const atMs of [10_000, 12_000, 14_000]) member.looked(atMs, true);
    member.heardOwn(12_999);
    assert.deepEqual([...member.aliveIds(14_000)], ["a", "c"]);
    member.heardOwn(13_000);
    assert.deepEqual([...member.aliveIds(14_000)], ["a"]);
  });

  it("takes the owner of something for alive of whom nothing else is known, unless its record was removed", () => {
    const member = aMember("b");
    member.heardOwn(60_000);
    for (const id of ["", "a", "b", "c"]) member.mentioned(id, 7, 1_000);
    assert.deepEqual([...member.aliveIds(16_999)], ["a", "c"]);
    assert.deepEqual([...member.aliveIds(17_000)], ["a"]);
    member.gone("c", 8);
    member.mentioned("c", 7, 20_000);
    assert.deepEqual([...member.aliveIds(20_000)], ["a"]);
    member.mentioned("c", 9, 20_000);
    assert.deepEqual([...member.aliveIds(20_000)], ["a", "c"], "it has come again since");
  });

  it("waits for an election longer where others than itself vouch, and is not sure then", () => {
    const member = aMember();
    member.heardOwn(60_000);
    member.recorded("b", ["c"], 0);
    assert.deepEqual([...member.aliveIds(15_999)], ["a", "b"]);
    assert.deepEqual([...member.aliveIds(16_000)], ["a"]);
    assert.deepEqual(member.surelyDead(16_000), []);
  });

  it("does not wait for an election while it has seen for a time to live that all servers are together", () => {
    const member = aMember();
    member.heardOwn(60_000);
    member.recorded("b", ["c"], 1_000);
    assert.ok(member.hasStrangers(1_000));
    const alive = (): readonly string[] => [...member.aliveIds(10_000)];
    // The first one, after it was heard.
    for (const atMs of [2_000, 4_000, 5_999]) member.looked(atMs, true);
    assert.deepEqual(alive(), ["a", "b"]);
    member.looked(6_000, false);
    // And the first one again.
    for (const atMs of [6_500, 8_500, 10_499]) member.looked(atMs, true);
    assert.deepEqual(alive(), ["a", "b"]);
    member.recorded("b", ["c"], 7_000);
    member.looked(10_500, true);
    assert.deepEqual(alive(), ["a", "b"], "heard since the first look");
    member.looked(11_000, true);
    assert.deepEqual(alive(), ["a"]);
    assert.deepEqual(member.surelyDead(11_000), [], "not by its own word");
    assert.equal(member.hasStrangers(11_000), false);
  });

  it("counts looks as in a row that lack one, and not those with a longer time between them", () => {
    const member = aMember();
    member.heardOwn(60_000);
    member.recorded("b", ["c"], 0);
    for (const atMs of [1_000, 3_000, 4_999]) member.looked(atMs, true);
    assert.deepEqual([...member.aliveIds(6_000)], ["a", "b"]);
    member.looked(7_000, true); // more than 2 s later: from here on
    member.looked(9_000, true);
    member.looked(10_999, true);
    assert.deepEqual([...member.aliveIds(11_000)], ["a", "b"]);
    member.looked(11_000, true);
    assert.deepEqual([...member.aliveIds(11_000)], ["a"]);
  });

  it("looks at no servers where it is a witness of all the others, and none of those is a stranger", () => {
    const member = aMember("b");
    assert.equal(member.hasStrangers(1_000), false);
    assert.equal(member.recorded("b", ["a"], 1_000), false, "a witness is known");
    assert.equal(member.recorded("c", ["b"], 1_000), true, "not named a witness yet");
    assert.equal(member.hasStrangers(1_000), true);
  });

  it("does not wait longer where nobody vouches", () => {
    const member = aMember();
    member.heardOwn(60_000);
    member.recorded("b", [], 0);
    assert.deepEqual([...member.aliveIds(4_000)], ["a"]);
  });

  it("answers for nobody whom it does not know, and forgets who is gone", () => {
    const member = aMember("b");
    assert.equal(member.called("c", 1_000), false);
    member.gone("b", 8);
    assert.equal(member.called("b", 1_000), false);
    assert.deepEqual([...member.aliveIds(1_000)], ["a"]);
  });

  it("trusts all again after a time in which it could not hear", () => {
    const member = aMember("b");
    member.trustAgain(5_000);
    assert.deepEqual([...member.aliveIds(8_999)], ["a", "b"]);
  });
});
