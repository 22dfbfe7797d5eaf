import assert from "node:assert/strict";
import { given } from "./given.ts";

describe("given", () => {
  it("leaves out what is undefined, and nothing else that is false", () => {
    const entries = { none: undefined, empty: "", zero: 0, no: false, nothing: null };
    assert.deepEqual(given(entries), { empty: "", zero: 0, no: false, nothing: null });
  });

  it("lets what stood before stand where there is no value", () => {
    const limit: number | undefined = undefined;
    assert.deepEqual({ limit: 3, ...given({ limit }) }, { limit: 3 });
  });
});
