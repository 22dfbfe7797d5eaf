import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import { collect, type Samples } from "./samples.ts";
import { evidenceCount, Network, restoreNetwork, storeNetwork } from "@tidepool/policy/model";
import { seededRandom } from "@tidepool/policy";
import { stretch, vary } from "./stretch.ts";
import { readGitcron } from "./traces.ts";
import { teach, train } from "./train.ts";

const options = {
  hidden: [16, 16],
  passes: 30,
  batch: 64,
  rate: 1e-2,
  decay: 0,
  seed: 1,
  without: -1,
};

/** A call comes when exactly one of two signs is there: no straight line tells. */
function eitherOr(count: number): Samples {
  const random = seededRandom(9);
  const evidence = new Float32Array(count * evidenceCount);
  const hit = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) {
    const a = random() < 0.5 ? 1 : 0;
    const b = random() < 0.5 ? 1 : 0;
    evidence[i * evidenceCount] = a;
    evidence[i * evidenceCount + 1] = b;
    hit[i] = a === b ? 0 : 1;
  }
  const weight = new Float32Array(count).fill(1);
  return { count, evidence, hit, weight, fold: new Uint8Array(count) };
}

describe("training", () => {
  it("learns what no straight line tells", () => {
    const network = new Network(train([eitherOr(400)], options));
    const logit = (a: number, b: number): number => {
      const evidence = new Float32Array(evidenceCount);
      evidence[0] = a;
      evidence[1] = b;
      return network.logit(evidence);
    };
    assert.ok(logit(0, 1) > 2 && logit(1, 0) > 2, `${logit(0, 1)} ${logit(1, 0)}`);
    assert.ok(logit(0, 0) < -2 && logit(1, 1) < -2, `${logit(0, 0)} ${logit(1, 1)}`);
  });

  it("makes the same weights from the same samples and seed, through the file too", () => {
    const brief = { ...options, passes: 2 };
    const [a, b] = [1, 2].map(() =>
      JSON.stringify(storeNetwork(train([eitherOr(100)], brief), "test")),
    );
    assert.equal(a, b);
    const stored = storeNetwork(train([eitherOr(100)], brief), "test");
    assert.deepEqual(storeNetwork(restoreNetwork(stored), "test"), stored);
  });
});

/**
 * Of weights made from a few rows, in every step that `npm run train` takes. A change of it says that the command no
 * longer makes the weights that ship: train anew, and set it to what the test found.
 */
const fewRowsHash = "9dc1db70830cbc01e5c7a33a7f0d98882cc3e12c5ca3cee7aaac08ab6e063950";

describe("the command that makes the weights", () => {
  it("makes the same bytes from the same rows, wherever it runs", () => {
    const trace = readGitcron(fileURLToPath(new URL("../../traces", import.meta.url)));
    const rows = trace.rows.slice(60, 64);
    const few = { ...trace, rows };
    const folds = new Uint8Array(rows.length);
    const sets = [few, stretch(few, 5), vary(few, 5)].map((one) =>
      collect(one, folds, { quietShare: 0.02, traceWeight: 1, seed: 5 }),
    );
    const brief = { ...options, hidden: [32, 16], passes: 1, rate: 3e-3, decay: 1e-3 };
    const taught = teach(sets, [train(sets, brief)]);
    const stored = storeNetwork(train(sets, { ...brief, taught }), "test");
    const hash = createHash("sha256").update(JSON.stringify(stored)).digest("hex");
    assert.equal(hash, fewRowsHash);
  });
});

describe("a trace made different", () => {
  it("keeps slots in order and within the trace", () => {
    const minutes = Array.from({ length: 48 }, (_, index) => index * 30);
    const row = { id: "a", weight: 1, minutes, counts: minutes.map(() => 1) };
    const rows = Array.from({ length: 20 }, () => row);
    const trace = { name: "t", rows, slots: 1440, scoredFrom: 480 };
    for (const made of [...stretch(trace, 3).rows, ...vary(trace, 3).rows]) {
      assert.equal(made.minutes.length, made.counts.length);
      for (const [index, minute] of made.minutes.entries())
        assert.ok(minute < 1440 && minute > (made.minutes[index - 1] ?? -1));
    }
  });
});
