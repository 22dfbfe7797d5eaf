import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { TidepoolError } from "@tidepool/common";
import { SimulatedDomain } from "../simulated/simulated-domain.ts";
import { openGuestSession } from "./open-session.ts";
import { FrameChannel } from "./frame-channel.ts";
import type { AnswerSink, GuestSession, InvokeOptions, InvokeResult } from "./session.ts";

const template = { config: { runtime: "nodejs20", memoryMib: 128 }, id: "template-1" };

/** A session with a guest that streams so many bytes when it is invoked. */
async function streaming(
  limits: { answerMaxBytes?: number; streamedAnswerMaxBytes?: number } = {},
): Promise<GuestSession> {
  const session = openGuestSession(new SimulatedDomain("vm-1", template.id), limits);
  await session.handshake(template);
  return session;
}

function invoke(
  session: GuestSession,
  simulated: object,
  options: InvokeOptions = {},
): Promise<InvokeResult> {
  const payload = Buffer.from(JSON.stringify({ simulated }));
  return session.invoke({ requestId: "r-1", payload, timeoutMs: 1_000, traceparent: "" }, options);
}

function counting(onChunk: AnswerSink["onChunk"] = () => {}): AnswerSink & { bytes: number } {
  return {
    bytes: 0,
    onStart() {},
    onChunk(part) {
      this.bytes += part.length;
      return onChunk(part);
    },
  };
}

describe("a streamed answer", () => {
  it("reaches the sink in order, head first, and leaves nothing for the result", async () => {
    const heard: string[] = [];
    const sink: AnswerSink = {
      onStart: ({ contentType, http }) => void heard.push(contentType, http),
      onChunk: (bytes) => void heard.push(Buffer.from(bytes).toString()),
    };
    const result = await invoke(await streaming(), { streamBytes: 17 }, { sink });
    assert.deepEqual(heard, ["text/plain", '{"statusCode":200}', "simulated answer\n"]);
    assert.equal(result.payload.length, 0);
    assert.equal(result.streamed?.contentType, "text/plain");
  });

  it("is gathered for a caller without a sink, up to the limit of an answer", async () => {
    const session = await streaming({ answerMaxBytes: 100_000 });
    assert.equal((await invoke(session, { streamBytes: 100_000 })).payload.length, 100_000);
    await assert.rejects(invoke(session, { streamBytes: 100_001 }), { code: "outputLimit" });
  });

  it("is refused at the first byte over the limit of a stream", async () => {
    const limits = { streamedAnswerMaxBytes: 200_000 };
    const fits = invoke(await streaming(limits), { streamBytes: 200_000 }, { sink: counting() });
    assert.ok((await fits).streamed);
    const over = invoke(await streaming(limits), { streamBytes: 200_001 }, { sink: counting() });
    await assert.rejects(over, { code: "outputLimit" });
  });

  it("holds the guest back while the sink is busy", async () => {
    const [inside, outside] = duplexPair();
    let delivered = 0;
    const channel = new FrameChannel(inside, {
      onFrame: () => {
        delivered += 1;
        channel.hold();
      },
      onEnd: () => {},
    });
    const sender = new FrameChannel(outside, { onFrame: () => {}, onEnd: () => {} });
    for (let count = 0; count < 20; count++) sender.send(Buffer.alloc(10_000));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(delivered, 1);
    assert.ok(outside.writableLength > 100_000, "nothing waits on the guest's side");
    for (let count = 2; count < 4; count++) {
      channel.release();
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(delivered, count);
    }
  });

  it("fails with what the sink throws, and ends the session: the rest is on its way", async () => {
    const session = await streaming();
    const sink = counting(() => Promise.reject(new TidepoolError("cancelled", "hung up")));
    await assert.rejects(invoke(session, { streamBytes: 1_000_000 }, { sink }), /hung up/);
    assert.equal((await session.ended).code, "cancelled");
  });

  it("that breaks off fails with what the function threw", async () => {
    const sink = counting();
    const failing = invoke(await streaming(), { streamBytes: 10, failure: "throw" }, { sink });
    await assert.rejects(failing, { code: "functionError" });
    assert.equal(sink.bytes, 10);
  });

  it("is not given to the sink of a call that was cancelled", async () => {
    const session = await streaming();
    const cancel = new AbortController();
    const sink = counting(() => cancel.abort(new TidepoolError("cancelled", "gone")));
    const options = { sink, signal: cancel.signal };
    await assert.rejects(invoke(session, { streamBytes: 10_000_000 }, options), /gone/);
    const before = sink.bytes;
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(sink.bytes, before);
  });
});
