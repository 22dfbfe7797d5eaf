import assert from "node:assert/strict";
import { chunkMaxBytes } from "../limits.ts";
import { Outbox } from "./outbox.ts";

/** What goes out, as "start 1", "chunk 1", "cancel 1". */
function drain(outbox: Outbox): string[] {
  const sent: string[] = [];
  for (let message = outbox.next(); message !== undefined; message = outbox.next()) {
    const { invoke, chunk, cancel } = message;
    if (invoke) sent.push(`start ${invoke.callId}`);
    else if (chunk) sent.push(`chunk ${chunk.callId}`);
    else sent.push(`cancel ${cancel?.callId}`);
  }
  return sent;
}

describe("Outbox", () => {
  it("sends a payload of at most one part with its start", () => {
    const outbox = new Outbox();
    outbox.start({ callId: 1 }, new Uint8Array(chunkMaxBytes));
    assert.deepEqual(drain(outbox), ["start 1"]);
  });

  it("lets a small call go before the further parts of a large one", () => {
    const outbox = new Outbox();
    outbox.start({ callId: 1 }, new Uint8Array(3 * chunkMaxBytes));
    assert.equal(outbox.next()?.invoke?.callId, 1);
    assert.equal(outbox.next()?.chunk?.callId, 1);
    outbox.start({ callId: 2 }, new Uint8Array(1));
    assert.deepEqual(drain(outbox), ["start 2", "chunk 1"]);
  });

  it("gives large payloads turns", () => {
    const outbox = new Outbox();
    outbox.start({ callId: 1 }, new Uint8Array(3 * chunkMaxBytes));
    outbox.start({ callId: 2 }, new Uint8Array(3 * chunkMaxBytes));
    assert.deepEqual(drain(outbox), [
      "start 1",
      "start 2",
      "chunk 1",
      "chunk 2",
      "chunk 1",
      "chunk 2",
    ]);
  });

  it("carries every byte once and in order", () => {
    const payload = Uint8Array.from({ length: 2 * chunkMaxBytes + 7 }, (_, index) => index % 251);
    const outbox = new Outbox();
    outbox.start({ callId: 1 }, payload);
    const parts: Uint8Array[] = [];
    for (let message = outbox.next(); message !== undefined; message = outbox.next()) {
      parts.push(message.invoke?.payload ?? message.chunk?.content ?? new Uint8Array());
    }
    assert.deepEqual(Buffer.concat(parts), Buffer.from(payload));
  });

  it("sends nothing more of a cancelled call's payload", () => {
    const outbox = new Outbox();
    outbox.start({ callId: 1 }, new Uint8Array(3 * chunkMaxBytes));
    outbox.next();
    outbox.cancel(1);
    assert.deepEqual(drain(outbox), ["cancel 1"]);
  });
});
