/**
 * Streamed answers of a real guest, through host-agent and frontend as processes of their own: bytes come while
 * the handler still runs, a reader that leaves ends it, and who waits gets the whole.
 */
import assert from "node:assert/strict";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { waitFor } from "./wait-for.ts";
import { zipOf } from "./zip.ts";

const code = `
  import { Writable } from "node:stream";
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
    responseStream.setContentType("text/plain");
    responseStream.write("first");
    if (event.waitMs) await wait(event.waitMs);
    const part = Buffer.alloc(64 * 1024, "x");
    for (let sent = 0; sent < (event.bytes ?? 0); sent += part.length) {
      if (!responseStream.write(part)) await new Promise((resolve) => responseStream.once("drain", resolve));
    }
    if (event.throws) throw new RangeError("broke off");
    responseStream.end("last");
  });`;

describe("A streamed answer of a real VM", function () {
  let system: RunningSystem;

  before(async () => {
    system = await startSystem({ hypervisor: "qemu" });
    const { client } = system;
    await client.createFunction("talk", { runtime: "nodejs20", handler: "index.handler" });
    await client.uploadCode("talk", await zipOf({ "index.mjs": code }));
  });
  after(() => system.stop());

  const busy = async (): Promise<number> => {
    for await (const { pools } of system.client.watchPools()) {
      return pools.reduce((sum, pool) => sum + pool.busy, 0);
    }
    return -1;
  };

  it("comes while the handler still runs, and is gathered for who waits", async () => {
    const answer = system.client.invokeStream("talk", { waitMs: 3_000, bytes: 2_000_000 });
    const parts: Uint8Array[] = [];
    for await (const part of answer) {
      if (parts.length === 0) await waitFor("its VM to run it", busy, (count) => count === 1);
      parts.push(part);
    }
    assert.equal(Buffer.from(parts[0] ?? []).toString(), "first");
    assert.equal((await answer.begin).contentType, "text/plain");
    const whole = Buffer.concat(parts);
    assert.ok(whole.length > 2_000_000);
    assert.equal(whole.subarray(-4).toString(), "last");
    const { requestId } = await system.client.invokeAsync("talk", { bytes: 100_000 });
    const call = await system.client.waitForInvocation(requestId);
    assert.equal(call.status, "succeeded");
    assert.equal(Buffer.from(call.payloadBytes.subarray(0, 5)).toString(), "first");
  });

  it("ends in its VM when its reader leaves", async () => {
    for await (const part of system.client.invokeStream("talk", { waitMs: 20_000 })) {
      if (part.byteLength > 0) break;
    }
    await waitFor("the end of the call in its VM", busy, (count) => count === 0);
  });

  it("breaks off with what the function threw", async () => {
    let bytes = 0;
    const reading = async (): Promise<void> => {
      for await (const part of system.client.invokeStream("talk", { throws: true })) {
        bytes += part.byteLength;
      }
    };
    await assert.rejects(reading(), { code: "functionError", component: "function" });
    assert.equal(bytes, 5);
  });
});
