/** A cluster whose processes are killed under load: nothing that was accepted is lost, and little else is noticed. */
import assert from "node:assert/strict";
import { chaos, killKinds } from "./chaos.ts";
import { unexplained } from "./chaos-report.ts";
import { partitionFunctions } from "./partitions.ts";

const seed = 1;

describe(`A cluster under 20 calls a second, seed ${seed}`, () => {
  it("loses no accepted call and fails only calls inside a killed process, whatever kind is killed", async function () {
    const result = await chaos({
      durationMs: 40_000,
      seed,
      callsPerSecond: 20,
      killEveryMs: 7_000,
      kinds: killKinds,
      hypervisor: "simulated",
      functions: partitionFunctions,
      say: () => {},
    });
    assert.ok(result.kills.length >= 4, `${result.kills.length} kills`);
    assert.ok(result.syncCount > 200 && result.acceptedCount > 200);
    assert.deepEqual(unexplained(result.failures, result.kills), []);
    assert.deepEqual(result.refusals, []);
    assert.deepEqual(result.statuses, { succeeded: result.acceptedCount });
  });
});
