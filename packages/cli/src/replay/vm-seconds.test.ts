import assert from "node:assert/strict";
import { createVmSeconds } from "./vm-seconds.ts";

describe("VM-seconds", () => {
  it("hold each level until the next sample, and the last to the end", () => {
    const seconds = createVmSeconds();
    seconds.sample(1_000, { idle: 2, generic: 8 });
    seconds.sample(3_000, { idle: 0, generic: 4 });
    assert.deepEqual(seconds.totals(4_000), { idle: 4, generic: 20 });
  });

  it("are none before the first sample", () => {
    assert.deepEqual(createVmSeconds().totals(9_000), { idle: 0, generic: 0 });
  });
});
