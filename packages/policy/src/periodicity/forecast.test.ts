import assert from "node:assert/strict";
import { describe, it } from "mocha";

import { seededRandom } from "../seeded-random.ts";
import { forecast } from "./forecast.ts";
import { createHistory } from "./history.ts";
import { observe } from "./observe.ts";

describe("the next window", () => {
  it("has not ended, whatever the period and however its calls waver", () => {
    let seen = 0;
    for (let seed = 0; seed < 400; seed += 1) {
      const random = seededRandom(seed);
      const periodMs = 5_000 + Math.round(random() ** 2 * 600_000);
      const jitterMs = random() * 0.4 * periodMs;
      const driftMs = random() < 0.5 ? 0 : (random() - 0.5) * 0.02 * periodMs;
      let history = createHistory();
      for (let tick = 0; tick < 60; tick += 1) {
        const atMs = 1e12 + tick * periodMs + tick ** 2 * driftMs + random() * jitterMs;
        history = observe(history, atMs);
        for (let later = 0; later < 6; later += 0.25) {
          const nowMs = Math.round(atMs + later * periodMs);
          const found = forecast(history, nowMs);
          if (found === undefined) continue;
          seen += 1;
          assert.ok(found.window.endAtMs >= nowMs, `seed ${seed}, tick ${tick}, ${later} later`);
        }
      }
    }
    assert.ok(seen > 10_000);
  });
});
