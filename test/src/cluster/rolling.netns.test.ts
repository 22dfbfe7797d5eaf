/** Every process of a cluster restarted, one after the other, under load: nobody notices. */
import assert from "node:assert/strict";
import { chaos } from "./chaos.ts";

describe("A rolling restart of a whole cluster", () => {
  it("fails no call, waited for or accepted", async function () {
    const { failures, refusals, statuses, syncCount, acceptedCount } = await chaos({
      durationMs: undefined,
      seed: 1,
      callsPerSecond: 20,
      killEveryMs: 0,
      kinds: [],
      hypervisor: "simulated",
      say: () => {},
    });
    assert.ok(syncCount > 200 && acceptedCount > 200, `${syncCount} and ${acceptedCount} calls`);
    assert.deepEqual(failures, []);
    assert.deepEqual(refusals, []);
    assert.deepEqual(statuses, { succeeded: acceptedCount });
  });
});
