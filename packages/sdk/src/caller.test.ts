/** How long calls may take that name no time themselves. */
import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import { invokeAsync } from "./accepted-calls.ts";
import { Caller, changeTimeoutDefaultMs, timeoutDefaultMs } from "./caller.ts";
import type { CallLimits, Transport } from "./transport.ts";

/** @returns the times given to calls, in the order in which they were made */
function aCaller(timeoutMs?: number): readonly [Caller, (number | undefined)[]] {
  const given: (number | undefined)[] = [];
  const unary = (_method: unknown, _request: unknown, limits: CallLimits): Promise<object> => {
    given.push(limits.timeoutMs);
    return Promise.resolve({});
  };
  return [new Caller({ unary } as unknown as Transport, timeoutMs), given];
}

describe("Calls that name no time", () => {
  it("are answered sooner when they only read than when they store, for which NATS may have to elect a leader", async () => {
    const [caller, given] = aCaller();
    await caller.read(tidepoolService.listVersions, { name: "f" }, {});
    await caller.change(tidepoolService.deleteAlias, { functionName: "f", name: "a" }, {});
    await invokeAsync(caller, "f", 1, {});
    assert.deepEqual(given, [timeoutDefaultMs, changeTimeoutDefaultMs, changeTimeoutDefaultMs]);
    assert.ok(timeoutDefaultMs < changeTimeoutDefaultMs);
  });

  it("have the time that was given to the client, and those that name one have theirs", async () => {
    const [caller, given] = aCaller(700);
    await caller.read(tidepoolService.listVersions, { name: "f" }, {});
    await caller.change(tidepoolService.deleteAlias, { functionName: "f", name: "a" }, {});
    await caller.change(tidepoolService.deleteAlias, {}, { timeoutMs: 30 });
    assert.deepEqual(given, [700, 700, 30]);
  });
});

describe("A call that is sent again", () => {
  it("has its time for all its attempts, and ends with what the server said", async () => {
    const given: number[] = [];
    let nowMs = 1_000;
    const pass = (ms: number): Promise<void> => Promise.resolve(void (nowMs += ms));
    const unary = async (
      _: unknown,
      __: unknown,
      { timeoutMs = 0 }: CallLimits,
    ): Promise<object> => {
      given.push(timeoutMs);
      await pass(40);
      throw new TidepoolError("unavailable", "the store is silent");
    };
    const clock = { nowMs: () => nowMs, sleep: pass };
    const caller = new Caller({ unary } as unknown as Transport, 150, clock);
    await assert.rejects(caller.read(tidepoolService.listVersions, { name: "f" }, {}), /is silent/);
    // 40 ms for the first, and 100 before the second.
    assert.deepEqual(given, [150, 10]);
  });
});
