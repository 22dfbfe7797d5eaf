import assert from "node:assert/strict";

import { seededRandom } from "../seeded-random.ts";
import { FleetLearning } from "./fleet-learning.ts";
import type { NetworkWeights } from "./network.ts";

/** Sure of a call when the first evidence is above zero, and that none comes when it is below. */
const hidden = 16;
const anchor: NetworkWeights = {
  mean: new Float32Array(2),
  scale: new Float32Array(2).fill(1),
  layers: [
    {
      inputs: 2,
      outputs: hidden,
      weights: Float32Array.from({ length: 2 * hidden }, (_, i) =>
        i % 2 === 1 ? 0 : i % 4 === 0 ? 1 : -1,
      ),
      biases: new Float32Array(hidden),
    },
    {
      inputs: hidden,
      outputs: 1,
      weights: Float32Array.from({ length: hidden }, (_, i) => (i % 2 === 0 ? 0.25 : -0.25)),
      biases: new Float32Array(1),
    },
  ],
};
const sure = Float32Array.of(1.5, 0);

function teach(fleet: FleetLearning, outcomes: number, isAsAnchor: boolean, seed = 1): void {
  const random = seededRandom(seed);
  for (let n = 0; n < outcomes; n += 1) {
    const evidence = Float32Array.of(random() * 4 - 2, random() * 4 - 2);
    fleet.observe(evidence, (evidence[0] ?? 0) > 0 === isAsAnchor, 1);
  }
}

describe("learning on the fleet", () => {
  it("begins with the shipped weights, and forecasts by what it has learned once that is better", () => {
    const fleet = new FleetLearning(anchor);
    assert.ok(fleet.logit(sure) > 2);
    teach(fleet, 3_000, false);
    assert.ok(fleet.isTrusted);
    assert.ok(fleet.logit(sure) < 0, String(fleet.logit(sure)));
  });

  it("falls back to the shipped weights while what it has learned does worse", () => {
    const fleet = new FleetLearning(anchor);
    teach(fleet, 3_000, false);
    let editionsBack = 0;
    for (let n = 0; n < 30; n += 1) {
      teach(fleet, 64, true, n + 2);
      if (!fleet.isTrusted) editionsBack += 1;
    }
    assert.ok(editionsBack > 0);
    assert.ok(fleet.logit(sure) > 2, String(fleet.logit(sure)));
  });

  it("is worth nothing where the shipped weights are right", () => {
    const fleet = new FleetLearning(anchor);
    const before = fleet.logit(sure);
    teach(fleet, 64, true);
    assert.ok(fleet.logit(sure) >= before);
  });

  it("stays within its bound of the shipped weights, whatever comes", () => {
    const fleet = new FleetLearning(anchor);
    teach(fleet, 20_000, false);
    const begun = new FleetLearning(anchor).store().values;
    for (const [i, value] of fleet.store().values.entries())
      assert.ok(Math.abs(value - (begun[i] ?? 0)) <= 1 + 1e-6, `weight ${i}`);
  });

  it("goes on after it was stored and restored as if it had not been, in the midst of a step too", () => {
    const fleet = new FleetLearning(anchor);
    teach(fleet, 1_000, false);
    const again = new FleetLearning(anchor);
    assert.ok(again.restore(structuredClone(fleet.store())));
    assert.equal(again.logit(sure), fleet.logit(sure));
    for (const one of [fleet, again]) teach(one, 500, true, 7);
    assert.deepEqual(again.store(), fleet.store());
    assert.equal(again.version, fleet.version);
  });

  it("takes up nothing that was learned on other weights", () => {
    const fleet = new FleetLearning(anchor);
    teach(fleet, 1_000, false);
    const other = new FleetLearning({
      ...anchor,
      layers: anchor.layers.map((layer) => ({
        ...layer,
        biases: layer.biases.map((bias) => bias + 0.1),
      })),
    });
    assert.equal(other.restore(fleet.store()), false);
    assert.equal(other.version, 0);
  });

  it("draws surprises surely, and counts what it draws seldom for more", () => {
    const fleet = new FleetLearning(anchor);
    assert.equal(fleet.drawn(0.01, true, 0.98), 1 / 0.99);
    assert.equal(fleet.drawn(0.01, false, 0.5), 0);
    assert.equal(fleet.drawn(0.01, false, 0.01), 32);
  });

  it("draws one in four of them once it has learned much", () => {
    const fleet = new FleetLearning(anchor);
    fleet.restore({ ...fleet.store(), steps: 4_096 });
    assert.equal(fleet.drawn(0.01, true, 0.98), 0);
    assert.equal(fleet.drawn(0.01, true, 0.24), 1 / 0.99);
  });
});
