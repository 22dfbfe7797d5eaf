import assert from "node:assert/strict";
import { describeSplit } from "./alias.ts";

describe("describeSplit", () => {
  it("gives the share that is left to the alias's own version", () => {
    assert.equal(describeSplit({ version: "3", others: [] }), "version 3");
    const others = [
      { version: "4", weight: 0.25 },
      { version: "5", weight: 0.25 },
    ];
    assert.equal(describeSplit({ version: "3", others }), "version 3 (50 %), 4 (25 %), 5 (25 %)");
  });
});
