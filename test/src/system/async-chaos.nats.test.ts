/** `npm run bench async` does the same with 10 000 calls. */
import assert from "node:assert/strict";
import { asyncChaos } from "./async-chaos.ts";

describe("Accepted calls while their frontend is killed twice", function () {
  it("are neither lost nor run twice at once, and have their results", async () => {
    const result = await asyncChaos({ callCount: 2_000, killCount: 2 });
    const { acceptedCount, goodCount, lostCount, overlapCount } = result;
    assert.deepEqual(
      { acceptedCount, goodCount, lostCount, overlapCount },
      { acceptedCount: 2_000, goodCount: 2_000, lostCount: 0, overlapCount: 0 },
    );
  });
});
