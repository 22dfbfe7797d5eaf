/**
 * A cluster whose links are cut without anybody being told, under load, while its machines' clocks disagree.
 * What could go wrong: somebody who hears nothing goes on as owner of a shard or a VM while another has become
 * it, commands that were held up by the cut are obeyed after it, or calls wait for an answer that never comes.
 */
import assert from "node:assert/strict";
import { cutKinds, partitions, uncut } from "./partitions.ts";

describe("A cluster whose links are cut, with clocks 500 ms apart", () => {
  it("ends every accepted call, obeys one owner of a shard, and is whole again when they are mended", async function () {
    const result = await partitions({
      cuts: cutKinds,
      cutMs: 7_000,
      mendedMs: 3_000,
      clocksApartMs: 500,
      callsPerSecond: 20,
      hypervisor: "simulated",
      say: () => {},
    });
    assert.equal(result.cuts.length, cutKinds.length);
    assert.ok(result.syncCount > 200 && result.acceptedCount > 200);
    assert.ok(result.obeyedCount > 200, `${result.obeyedCount} commands were heard`);
    assert.deepEqual(result.violations, []);
    assert.deepEqual(uncut(result), []);
    assert.deepEqual(
      result.refusals.filter(({ isRetryable }) => !isRetryable),
      [],
    );
    assert.deepEqual(result.statuses, { succeeded: result.acceptedCount });
    assert.deepEqual(result.missing, []);
  });
});
