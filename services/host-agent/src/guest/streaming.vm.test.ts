/** Answers that real functions write as they go, in every runtime's way; long ones with flat memory. */
import assert from "node:assert/strict";
import { GuestHarness, invokeRaw, rejectsWith } from "../testing/guest-harness.ts";
import type { AnswerHead, AnswerSink, GuestSession } from "./session.ts";

const mebibyte = 1024 * 1024;
const httpContentType = "application/vnd.awslambda.http-integration-response";

/** Notes what comes, and when. */
class NotingSink implements AnswerSink {
  head: AnswerHead | undefined;
  bytes = 0;
  readonly parts: string[] = [];
  private readonly keeps: boolean;

  constructor(keeps = true) {
    this.keeps = keeps;
  }

  onStart(head: AnswerHead): void {
    this.head = head;
  }

  onChunk(part: Uint8Array): void {
    this.bytes += part.length;
    if (this.keeps) this.parts.push(Buffer.from(part).toString());
  }
}

const node = `
const { setTimeout: sleep } = require("node:timers/promises");
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const cases = {
  async parts(event, stream) {
    stream.setContentType("text/plain");
    for (const part of ["one", "two"]) { stream.write(part); await sleep(100); }
    stream.end();
  },
  async http(event, stream) {
    const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { "x-a": "b" } });
    await pipeline(Readable.from(["pi", "ped"]), out);
  },
  empty(event, stream) { stream.end(); },
  throws() { throw new TypeError("at once"); },
  async late(event, stream) { stream.write("half"); await sleep(20); throw new RangeError("half way"); },
  async destroyed(event, stream) { stream.write("half"); stream.destroy(new Error("torn")); },
  async after(event, stream) { stream.end("done"); setTimeout(() => stream.write("late"), 50).unref(); },
  async many(event, stream) {
    const part = Buffer.alloc(event.partBytes, "x");
    for (let count = 0; count < event.count; count++) {
      if (!stream.write(part)) await new Promise((resolve) => stream.once("drain", resolve));
    }
    stream.end();
  },
};
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  if (typeof context.getRemainingTimeInMillis() !== "number") throw new Error("no context");
  return cases[event.case](event, stream);
});`;

const python = `
import time
def parts(event):
    for part in ("one", b"two"):
        yield part
        time.sleep(0.1)
def http(event):
    yield {"statusCode": 201, "headers": {"x-a": "b"}}
    yield bytearray(b"pi")
    yield memoryview(b"ped")
def late(event):
    yield "half"
    raise ValueError("half way")
def empty(event):
    return iter(())
def odd(event):
    yield 5
def many(event):
    part = b"x" * event["partBytes"]
    return (part for _ in range(event["count"]))
def handler(event, context):
    return globals()[event["case"]](event)`;

const runtimes = [
  ["nodejs20", { "index.js": node }],
  ["python3.11", { "index.py": python }],
] as const;

for (const [runtime, files] of runtimes) {
  describe(`a streamed answer of ${runtime}`, () => {
    let guests: GuestHarness;
    let session: GuestSession;

    before(async () => {
      guests = await GuestHarness.open({ runtime, memoryMib: 128 });
      session = await guests.load(files);
    });
    after(() => guests.close());
    afterEach(() => assert.equal(session.failure, undefined));

    it("comes part by part, the first before the last is written", async () => {
      const sink = new NotingSink();
      await invokeRaw(session, { case: "parts" }, { sink });
      assert.deepEqual(sink.parts, ["one", "two"]);
    });

    it("says status and headers to HTTP before its body", async () => {
      const sink = new NotingSink();
      await invokeRaw(session, { case: "http" }, { sink });
      assert.equal(sink.parts.join(""), "piped");
      assert.equal(sink.head?.contentType, httpContentType);
      assert.deepEqual(JSON.parse(sink.head?.http ?? ""), {
        statusCode: 201,
        headers: { "x-a": "b" },
      });
    });

    it("may be empty", async () => {
      const sink = new NotingSink();
      const { streamed } = await invokeRaw(session, { case: "empty" }, { sink });
      assert.equal(sink.bytes, 0);
      assert.equal(streamed?.contentType, "application/octet-stream");
    });

    it("that breaks off fails with what the function threw, after what it had written", async () => {
      const sink = new NotingSink();
      const failing = invokeRaw(session, { case: "late" }, { sink });
      await rejectsWith(failing, "functionError", /Error: half way$/);
      assert.deepEqual(sink.parts, ["half"]);
    });

    it("of 200 MiB flows with flat memory on both sides", async () => {
      const sink = new NotingSink(false);
      const event = { case: "many", partBytes: mebibyte, count: 200 };
      const beforeBytes = process.memoryUsage().rss;
      await invokeRaw(session, event, { sink, timeoutMs: 100_000 });
      assert.equal(sink.bytes, 200 * mebibyte);
      const grownMib = (process.memoryUsage().rss - beforeBytes) / mebibyte;
      assert.ok(grownMib < 80, `grew by ${grownMib.toFixed(0)} MiB`);
    });

    it("waits for a reader that is slow", async () => {
      let bytes = 0;
      const sink: AnswerSink = {
        onStart: () => {},
        onChunk(part) {
          bytes += part.length;
          return bytes > mebibyte ? undefined : new Promise((resolve) => setTimeout(resolve, 50));
        },
      };
      await invokeRaw(session, { case: "many", partBytes: 65_536, count: 400 }, { sink });
      assert.equal(bytes, 400 * 65_536);
    });
  });
}

describe("a streaming handler of nodejs20", () => {
  let guests: GuestHarness;
  let session: GuestSession;

  before(async () => {
    guests = await GuestHarness.open({ runtime: "nodejs20", memoryMib: 128 });
    session = await guests.load({ "index.js": node });
  });
  after(() => guests.close());

  it("fails with what it throws at once", async () => {
    const failing = invokeRaw(session, { case: "throws" });
    await rejectsWith(failing, "functionError", /^TypeError: at once$/);
  });

  it("fails with what it destroys its stream with", async () => {
    const failing = invokeRaw(session, { case: "destroyed" });
    await rejectsWith(failing, "functionError", /^Error: torn$/);
  });

  it("writes to nobody after the end, and spoils no later call", async () => {
    const { payload } = await invokeRaw(session, { case: "after" });
    assert.equal(Buffer.from(payload).toString(), "done");
    const sink = new NotingSink();
    await invokeRaw(session, { case: "parts" }, { sink });
    assert.deepEqual(sink.parts, ["one", "two"]);
  });
});
