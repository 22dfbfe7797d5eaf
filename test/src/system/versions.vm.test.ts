/** A rollback under load on real VMs, whose loading takes its time: no call fails, and all have switched in a second. */
import assert from "node:assert/strict";
import { systemClock } from "@tidepool/common";
import { longestGapMs } from "./longest-gap.ts";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { waitFor } from "./wait-for.ts";
import { zipOf } from "./zip.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
/** Together 50 calls a second, where the machine can. */
const callerCount = 2;
const callerPauseMs = 40;
const switchedWithinMs = 1_000;

describe("versions on real VMs", function () {
  let system: RunningSystem;
  before(async () => {
    system = await startSystem({ hypervisor: "qemu" });
  });
  after(() => system?.stop());

  it("go back while calls run, without a failed call and within a second", async () => {
    const { client } = system;
    for (const color of ["blue", "green"]) {
      const code = `export const handler = async () => "${color}";`;
      await client.deploy("colored", settings, await zipOf({ "index.mjs": code }));
    }
    const poolIsReady = async (): Promise<boolean> => {
      for await (const { pools } of client.watchPools())
        return pools.some(({ ready, target }) => ready > 0 && ready >= target);
      return false;
    };
    await waitFor("ready VMs", poolIsReady, (isReady) => isReady);
    await client.invoke("colored");

    const calls: { readonly atMs: number; readonly answer: unknown }[] = [];
    let isOver = false;
    const callAlong = async (): Promise<void> => {
      while (!isOver) {
        const atMs = Date.now();
        const call = client.invoke("colored", null, { attemptsMax: 1 });
        const answer: unknown = await call.then(
          ({ payload }) => payload,
          (error: unknown) => error,
        );
        calls.push({ atMs, answer });
        await systemClock.sleep(Math.max(0, atMs + callerPauseMs - Date.now()));
      }
    };
    const callers = Array.from({ length: callerCount }, callAlong);
    let activeAtMs = Infinity;
    // While the machine stood still, so did those who were to hear of it.
    const sinceSwitch = (): typeof calls => {
      const fromMs = activeAtMs + switchedWithinMs + longestGapMs(calls);
      return calls.filter(({ atMs }) => atMs >= fromMs);
    };
    try {
      await waitFor(
        "calls",
        () => calls.length,
        (count) => count > 50,
      );
      await client.rollback("colored");
      activeAtMs = Date.now();
      await waitFor("calls long after", sinceSwitch, ({ length }) => length > 20);
    } finally {
      isOver = true;
      await Promise.all(callers);
    }

    const answers = calls.map(({ answer }) => answer);
    assert.deepEqual(
      answers.filter((answer) => answer !== "blue" && answer !== "green"),
      [],
    );
    assert.ok(sinceSwitch().every(({ answer }) => answer === "blue"));
    assert.equal(calls[0]?.answer, "green");
  });
});
