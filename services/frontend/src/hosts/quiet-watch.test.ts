import assert from "node:assert/strict";
import { inUseMs, quietLookMs, QuietWatch, quietMaxMs } from "./quiet-watch.ts";

function aWatch(): { watch: QuietWatch; asked: () => number } {
  let count = 0;
  const watch = new QuietWatch(() => (count += 1));
  watch.begin(0);
  return { watch, asked: () => count };
}

describe("QuietWatch", () => {
  it("asks at once, and again while the stream is in use and nothing is heard", () => {
    const { watch, asked } = aWatch();
    assert.equal(asked(), 1);
    watch.heard(10, true);
    watch.used(20);
    watch.look(100);
    assert.equal(asked(), 1, "heard a moment ago");
    watch.look(10 + quietLookMs);
    assert.equal(asked(), 2);
    watch.look(10 + 2 * quietLookMs);
    assert.equal(asked(), 2, "one question at a time");
    watch.heard(500, true);
    watch.look(30 + inUseMs);
    assert.equal(asked(), 2, "not in use any more");
  });

  it("takes a host for quiet when a question stays open, and for well when anything comes", () => {
    const { watch } = aWatch();
    watch.heard(10, true);
    watch.used(1_000);
    assert.equal(watch.look(1_000), false);
    assert.equal(watch.look(1_000 + quietMaxMs), false);
    assert.equal(watch.look(1_001 + quietMaxMs), true);
    watch.heard(2_000, false);
    assert.equal(watch.look(2_001), false);
  });

  it("says nothing of a host that has never answered on this stream", () => {
    const { watch } = aWatch();
    watch.used(0);
    assert.equal(watch.look(10 * quietMaxMs), false);
    watch.heard(10_000, true);
    assert.equal(watch.hasAnswered, true);
    watch.begin(20_000);
    assert.equal(watch.hasAnswered, false);
    assert.equal(watch.look(30_000), false);
  });
});
