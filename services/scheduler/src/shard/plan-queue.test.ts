import assert from "node:assert/strict";
import { systemClock } from "@tidepool/common";
import { FunctionState } from "./function-state.ts";
import { Memories } from "./memories.ts";
import { PlanQueue, turnMsMax } from "./plan-queue.ts";

const keepAliveMs = 600_000;

class Test {
  nowMs = 1_000_000;
  rests = 0;
  readonly planned: string[] = [];
  readonly queue: PlanQueue;
  private readonly memories = new Memories();

  constructor(workMs = 0) {
    const clock = { ...systemClock, nowMs: () => this.nowMs };
    this.queue = new PlanQueue(clock, {
      plan: (state, isAfterCall) => {
        this.planned.push(`${state.name}${isAfterCall ? " called" : ""}`);
        const endMs = performance.now() + workMs;
        while (performance.now() < endMs);
      },
      rest: () => (this.rests += 1),
    });
  }

  state(name: string): FunctionState {
    return new FunctionState(name, this.memories);
  }
}

describe("PlanQueue", () => {
  it("ends a turn when its time is over, and goes on in the next by itself", async () => {
    const test = new Test(turnMsMax);
    for (let i = 0; i < 6; i += 1) test.queue.wakeAt(test.state(`f-${i}`), i);
    assert.equal(test.queue.run(), true);
    assert.deepEqual(test.planned, ["f-0"]);
    while (test.planned.length < 6) await new Promise((resume) => setImmediate(resume));
    assert.equal(test.rests, 6);
    test.queue.stop();
  });

  it("lets neither those who are due nor those who were called wait for all of the others", () => {
    const test = new Test(turnMsMax);
    for (let i = 0; i < 3; i += 1) {
      test.queue.wakeAt(test.state(`due-${i}`), 0);
      test.queue.noteCalled(test.state(`new-${i}`), keepAliveMs);
    }
    while (test.queue.run());
    const lastDue = test.planned.indexOf("due-2");
    assert.ok(test.planned.indexOf("new-1 called") < lastDue, String(test.planned));
    assert.ok(test.planned.indexOf("due-0") < test.planned.indexOf("new-2 called"));
    assert.equal(test.planned.length, 6);
    test.queue.stop();
  });

  it("plans once for a function that is called often and for which nothing is planned", () => {
    const test = new Test();
    const state = test.state("busy");
    for (let call = 0; call < 50; call += 1) {
      test.queue.noteCalled(state, keepAliveMs);
      while (test.queue.run());
      if (call === 0) state.quietSinceMs = test.nowMs;
      test.nowMs += 10;
    }
    assert.deepEqual(test.planned, ["busy called"]);
    test.nowMs += 1_000;
    while (test.queue.run());
    assert.deepEqual(test.planned, ["busy called", "busy called"]);
    test.queue.stop();
  });

  it("does not plan for calls that change nothing, unless they ask for another version", () => {
    const test = new Test();
    const state = test.state("busy");
    state.heldUntilMs = test.nowMs + 10;
    test.queue.noteCalled(state, keepAliveMs);
    while (test.queue.run());
    assert.deepEqual(test.planned, []);
    state.mix = { qualifiers: ["2"], calledAtMs: new Map() };
    test.queue.noteCalled(state, keepAliveMs);
    state.mix = undefined;
    test.nowMs += 10;
    test.queue.noteCalled(state, keepAliveMs);
    while (test.queue.run());
    assert.deepEqual(test.planned, ["busy called", "busy called"]);
    test.queue.stop();
  });

  it("forgets a function that is gone", () => {
    const test = new Test();
    const state = test.state("gone");
    test.queue.wakeAt(state, 0);
    state.quietSinceMs = test.nowMs;
    test.queue.noteCalled(state, keepAliveMs);
    test.queue.forget(state);
    assert.equal(test.queue.run(), false);
    assert.deepEqual(test.planned, []);
    test.queue.stop();
  });
});
