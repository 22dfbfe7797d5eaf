import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { endOfToken } from "./token-end.ts";

describe("The end of a token", () => {
  const callerOf = (revoked: AbortSignal, expiresAtMs?: number) =>
    ({ tenant: "red", role: "invoker", revoked, ...(expiresAtMs && { expiresAtMs }) }) as const;

  it("comes when it expires, and its callers are told so", async () => {
    const { signal, release } = endOfToken(callerOf(new AbortController().signal, Date.now() + 20));
    if (!signal.aborted) await once(signal, "abort");
    release();
    assert.match(String(signal.reason), /the token has expired/);
  });

  it("comes when it is revoked, whether or not it would expire", () => {
    for (const expiresAtMs of [undefined, Date.now() + 600_000]) {
      const revoking = new AbortController();
      const { signal, release } = endOfToken(callerOf(revoking.signal, expiresAtMs));
      assert.equal(signal.aborted, false);
      revoking.abort("revoked");
      release();
      assert.equal(signal.reason, "revoked");
    }
  });

  it("leaves nothing of a call behind on what lasts as long as the token", () => {
    const { signal: revoked } = new AbortController();
    const { release } = endOfToken(callerOf(revoked, Date.now() + 600_000));
    release();
    assert.deepEqual(getEventListeners(revoked, "abort"), []);
  });
});
