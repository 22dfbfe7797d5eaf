/** The shipped weights fit the evidence, and packing loses nothing. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { EvidenceReader, evidenceCount } from "./evidence.ts";
import { CallHistory } from "./history.ts";
import { packNetwork, unpackNetwork } from "./pack-network.ts";
import { shippedWeights } from "./weights.ts";

describe("shipped weights", () => {
  it("are for the evidence there is, and the same after packing", () => {
    const weights = shippedWeights();
    assert.equal(weights.mean.length, evidenceCount);
    assert.equal(weights.layers.at(-1)?.outputs, 1);
    assert.deepEqual(unpackNetwork(packNetwork(weights)), weights);
  });
});

describe("evidence", () => {
  it("of one function does not depend on which others were read before", () => {
    const used = new EvidenceReader();
    const busy = new CallHistory();
    for (let slot = 0; slot < 500; slot += 3) busy.observe(slot, 2);
    const once = new CallHistory();
    once.observe(40, 1);
    const [first, second] = [new Float32Array(evidenceCount), new Float32Array(evidenceCount)];
    used.open(busy);
    used.read(600, first);
    used.open(once);
    used.read(45, first);
    const fresh = new EvidenceReader();
    fresh.open(once);
    fresh.read(45, second);
    assert.deepEqual(first, second);
  });
});
