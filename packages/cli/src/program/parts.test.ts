import assert from "node:assert/strict";
import { instant, since } from "./parts.ts";

describe("An instant as an argument", () => {
  it("is a day, or a day with its time", () => {
    assert.equal(instant("2027-01-01T00:00:00Z"), Date.UTC(2027, 0, 1));
    assert.equal(instant("2027-01-01"), Date.UTC(2027, 0, 1));
    assert.equal(since("2027-01-01T01:00:00+01:00"), Date.UTC(2027, 0, 1));
  });

  it("is nothing that only resembles one", () => {
    for (const text of ["5", "2027", "tomorrow", "2027-13-01", "2027-01-01 noon", ""])
      for (const read of [instant, since]) assert.throws(() => read(text), /is needed/, text);
  });
});
