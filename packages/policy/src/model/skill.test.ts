import assert from "node:assert/strict";

import { CallHistory } from "./history.ts";
import { degreeOf, settle } from "./skill.ts";
import { createAccount, settleWarm, wantsWarm, type WarmPolicy } from "./warm.ts";

const policy: WarmPolicy = {
  price: 0.01,
  stayShare: 0.5,
  bridgeSlots: 2,
  keepAliveSlots: 10,
  wasteFactorMax: 1.1,
};

describe("degree of periodicity", () => {
  it("nears 1 when forecasts are right, and is 0 when they only know the rate", () => {
    const clock = new CallHistory();
    const chance = new CallHistory();
    for (let slot = 0; slot < 1200; slot += 1) {
      settle(clock, slot % 30 === 0 ? 0.98 : 0.001, slot % 30 === 0);
      settle(chance, 1 / 30, slot % 30 === 0);
    }
    assert.ok(degreeOf(clock) > 0.9, `clock ${degreeOf(clock)}`);
    assert.ok(degreeOf(chance) < 0.05, `chance ${degreeOf(chance)}`);
  });

  it("falls when expected calls stay away", () => {
    const history = new CallHistory();
    for (let slot = 0; slot < 600; slot += 1)
      settle(history, slot % 30 === 0 ? 0.98 : 0.001, slot % 30 === 0);
    const before = degreeOf(history);
    for (let miss = 0; miss < 4; miss += 1) settle(history, 0.98, false);
    assert.ok(degreeOf(history) < before / 1.2, `${before} to ${degreeOf(history)}`);
  });

  it("moves the bias towards what happens", () => {
    const history = new CallHistory();
    for (let slot = 0; slot < 500; slot += 1) settle(history, 0.1, slot % 4 === 0);
    assert.ok(history.bias > 0.5);
  });
});

describe("warm while worth the price", () => {
  it("bridges a short pause only while on", () => {
    const ahead = (slots: number): number => (slots === 2 ? 0.5 : 0);
    const account = createAccount();
    assert.equal(wantsWarm(account, policy, ahead), false);
    account.isOn = true;
    assert.equal(wantsWarm(account, policy, ahead), true);
    assert.equal(wantsWarm(account, { ...policy, bridgeSlots: 1 }, ahead), false);
  });

  it("counts what was waited beside what the keep-alive would have waited", () => {
    const account = createAccount();
    for (let slot = 1; slot <= 30; slot += 1)
      settleWarm(account, policy, { wanted: slot > 25, age: slot, isHit: slot === 30 });
    assert.ok(account.forecastWaste < account.keepAliveWaste);
    assert.ok(account.forecastCost < account.keepAliveCost);
  });
});
