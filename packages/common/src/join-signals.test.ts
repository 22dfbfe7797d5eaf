import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { joinSignals } from "./join-signals.ts";

describe("joinSignals", () => {
  it("aborts with the first of them, for its reason", () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const { signal } = joinSignals(one.signal, other.signal);
    assert.equal(signal.aborted, false);
    other.abort("second");
    one.abort("first");
    assert.equal(signal.reason, "second");
    assert.equal(joinSignals(new AbortController().signal, one.signal).signal.reason, "first");
  });

  it("leaves nothing behind on any of them when it is released, and does not abort any more", () => {
    const lasting = new AbortController();
    const { signal, release } = joinSignals(lasting.signal, new AbortController().signal);
    assert.equal(getEventListeners(lasting.signal, "abort").length, 1);
    release();
    assert.equal(getEventListeners(lasting.signal, "abort").length, 0);
    lasting.abort();
    assert.equal(signal.aborted, false);
  });
});
