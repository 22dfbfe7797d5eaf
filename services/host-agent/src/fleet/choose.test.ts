import assert from "node:assert/strict";
import { aVm, anUnowned } from "../testing/a-vm.ts";
import { chooseForCall, chooseOwned, chooseUnowned } from "./choose.ts";

const echo = { name: "echo", version: "1" };
const config = { runtime: "nodejs20", memoryMib: 128 };

describe("chooseForCall", () => {
  it("takes the VM used last, so that the others age", () => {
    const [older, newer] = [aVm({ idleSinceMs: 1 }), aVm({ idleSinceMs: 2 })];
    assert.equal(chooseForCall([older, newer], echo), newer);
  });

  it("takes a running VM before a paused one that was used later", () => {
    const [running, paused] = [aVm({ idleSinceMs: 1 }), aVm({ idleSinceMs: 2, isPaused: true })];
    assert.equal(chooseForCall([paused, running], echo), running);
  });

  const unfit = {
    "of another function": aVm({ functionName: "other" }),
    "of another version": aVm({ version: "2" }),
    "spoken for": aVm({ isSpokenFor: true }),
    busy: aVm({ phase: "busy" }),
    loading: aVm({ phase: "loading" }),
    "without an owner": anUnowned(),
  };
  for (const [what, vm] of Object.entries(unfit)) {
    it(`never takes a VM that is ${what}`, () => {
      assert.equal(chooseForCall([vm], echo), undefined);
    });
  }
});

describe("chooseOwned", () => {
  it("prefers an idle VM to one that is still loading, and a loading one to none", () => {
    const [loading, idle] = [aVm({ phase: "loading" }), aVm()];
    assert.equal(chooseOwned([loading, idle], echo), idle);
    assert.equal(chooseOwned([loading], echo), loading);
  });

  it("leaves a loading VM to the call that waits for it", () => {
    assert.equal(chooseOwned([aVm({ phase: "loading", isSpokenFor: true })], echo), undefined);
  });
});

describe("chooseUnowned", () => {
  it("prefers a waiting VM to a clone under way, and the clone begun first", () => {
    const late = anUnowned({ phase: "cloning", createdAtMs: 2 });
    const early = anUnowned({ phase: "cloning", createdAtMs: 1 });
    const ready = anUnowned({ createdAtMs: 3 });
    assert.equal(chooseUnowned([late, early, ready], config), ready);
    assert.equal(chooseUnowned([late, early], config), early);
  });

  it("tells VMs of one and of two CPUs apart", () => {
    const two = { ...config, vcpuCount: 2 };
    const vm = anUnowned({ config: two });
    assert.equal(chooseUnowned([vm], config), undefined);
    assert.equal(chooseUnowned([vm], two), vm);
  });

  it("never takes a VM of another config or one that has an owner", () => {
    const other = anUnowned({ config: { runtime: "nodejs20", memoryMib: 256 } });
    assert.equal(chooseUnowned([other, aVm(), aVm({ phase: "cloning" })], config), undefined);
  });
});
