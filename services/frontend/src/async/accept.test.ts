import assert from "node:assert/strict";
import { checkCall } from "./accept.ts";
import type { CallToAccept } from "./accept.ts";
import { decodeCall, encodeCall } from "./call-wire.ts";
import { ageDefaultMs, delayMaxMs, hopsMax, retriesDefault } from "./limits.ts";

const dayMs = 24 * 3_600_000;

describe("a call to accept", () => {
  const call = (given: Partial<CallToAccept> = {}, settings = {}) =>
    checkCall({ name: "f", requestId: "r", ...given }, settings, 1_000).call;

  it("has two retries and six hours unless it, or else its function, says otherwise", () => {
    assert.equal(call().retries, retriesDefault);
    assert.equal(call().expiresAtMs, 1_000 + ageDefaultMs);
    const settings = { retries: 0, ageMaxMs: 5 };
    assert.equal(call({}, settings).retries, 0);
    assert.equal(call({}, settings).expiresAtMs, 1_005);
    assert.equal(call({ retries: 7, ageMaxMs: 9 }, settings).retries, 7);
    assert.equal(call({ retries: 7, ageMaxMs: 9 }, settings).expiresAtMs, 1_009);
  });

  it("has its age from the end of its delay on", () => {
    const { nextAtMs, expiresAtMs } = call({ delayMs: 500, ageMaxMs: 10 });
    assert.deepEqual([nextAtMs, expiresAtMs], [1_500, 1_510]);
  });

  const edges: [string, Partial<CallToAccept>, Partial<CallToAccept>, RegExp][] = [
    ["retries", { retries: 10 }, { retries: 11 }, /retries of 11 must be 0 to 10/],
    ["its age", { ageMaxMs: dayMs }, { ageMaxMs: dayMs + 1 }, /at most 86400000 ms/],
    ["its delay", { delayMs: delayMaxMs }, { delayMs: delayMaxMs + 1 }, /at most 86400000 ms/],
    ["its key", { dedupeKey: "ü".repeat(64) }, { dedupeKey: "x".repeat(129) }, /limit is 128/],
    ["its hops", { hops: hopsMax }, { hops: hopsMax + 1 }, /limit is 16/],
  ];
  for (const [what, at, over, message] of edges) {
    it(`is taken at the limit of ${what}, and refused over it`, () => {
      call(at);
      assert.throws(() => call(over), { code: "invalid", message });
    });
  }

  it("is the same after it was stored", () => {
    const settings = { onSuccess: { function: "next" }, onFailure: { subject: "failed.calls" } };
    const accepted = {
      ...call({ delayMs: 5, dedupeKey: "k", qualifier: "live" }, settings),
      claim: { ownerId: "o", number: 3, untilMs: 17 },
      result: { bytes: 2, inline: Buffer.from("ab"), key: "out-3" },
    };
    const stored = decodeCall(encodeCall(accepted));
    assert.deepEqual(
      { ...stored, result: { ...stored.result, inline: undefined } },
      { ...accepted, result: { ...accepted.result, inline: undefined } },
    );
    assert.deepEqual(Buffer.from(stored.result?.inline ?? []), accepted.result.inline);
  });
});
