import assert from "node:assert/strict";
import { chooseRows, functionNameOf, planCalls } from "./schedule.ts";

const row = { id: "a", weight: 1, minutes: [2, 5, 9], counts: [1, 3, 1] };

describe("Planning a replay", () => {
  it("spreads the calls of one slot evenly over it, from the first minute of the range", () => {
    const calls = planCalls([row], { first: 2, last: 9 });
    assert.deepEqual(
      calls.map(({ atMs }) => atMs),
      [0, 180_000, 200_000, 220_000, 420_000],
    );
    assert.deepEqual(
      calls.map(({ ordinal }) => ordinal),
      [1, 2, 3, 4, 5],
    );
  });

  it("orders the calls of all rows by time", () => {
    const other = { id: "b", weight: 1, minutes: [3], counts: [1] };
    const ids = planCalls([row, other], { first: 2, last: 9 }).map(({ rowId }) => rowId);
    assert.deepEqual(ids, ["a", "b", "a", "a", "a", "a"]);
  });

  it("keeps only slots in the range, and rows that have one there", () => {
    const [kept, ...more] = chooseRows(
      [row, { ...row, id: "b", minutes: [20], counts: [1] }],
      { first: 3, last: 9 },
      10,
    );
    assert.deepEqual(kept, { ...row, minutes: [5, 9], counts: [3, 1] });
    assert.equal(more.length, 0);
  });

  it("takes at most as many functions as asked for", () => {
    const rows = ["a", "b", "c"].map((id) => ({ ...row, id }));
    assert.deepEqual(
      chooseRows(rows, { first: 0, last: 9 }, 2).map(({ id }) => id),
      ["a", "b"],
    );
  });

  it("makes a function name of any id", () => {
    assert.equal(functionNameOf("job/a b.c"), "job-a-b-c");
    assert.equal(functionNameOf("x".repeat(100)).length, 64);
  });
});
