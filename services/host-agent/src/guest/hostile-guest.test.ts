/**
 * A guest that attacks its agent over its own channels, beside one that works: each attack ends the session of the
 * attacker with an error that says what it did, and the other's call is answered.
 */
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { TidepoolError } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { Domain } from "../hypervisor/hypervisor.ts";
import { FrameChannel, frameMaxBytes } from "./frame-channel.ts";
import { openGuestSession } from "./open-session.ts";
import type { GuestSession, SessionOptions } from "./session.ts";

const { GuestControl, GuestRuntime } = tidepool.guest.v1;
const mib = 1024 * 1024;
const nothing = (): Promise<void> => Promise.resolve();

interface Guest {
  readonly session: GuestSession;
  readonly control: Duplex;
  readonly runtime: Duplex;
}

function aGuest(options: SessionOptions = {}): Guest {
  const [control, guestControl] = duplexPair();
  const [runtime, guestRuntime] = duplexPair();
  const exited = new Promise<never>(() => undefined);
  const life = { exited, pause: nothing, resume: nothing, destroy: nothing };
  const domain: Domain = { vmId: "vm-1", control, runtime, ...life };
  guestControl.resume();
  guestRuntime.resume();
  return {
    session: openGuestSession(domain, options),
    control: guestControl,
    runtime: guestRuntime,
  };
}

function call(session: GuestSession, requestId: string): Promise<string> {
  const request = { requestId, payload: Buffer.from("1"), timeoutMs: 1_000, traceparent: "" };
  return session.invoke(request).then(({ payload }) => Buffer.from(payload).toString());
}

function framed(body: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
}
const fromRuntime = (message: tidepool.guest.v1.GuestRuntime.$Properties): Buffer =>
  framed(GuestRuntime.encode(message).finish());
const fromControl = (message: tidepool.guest.v1.GuestControl.$Properties): Buffer =>
  framed(GuestControl.encode(message).finish());
const answer = (requestId: string): Buffer =>
  fromRuntime({ answer: { requestId, payloadBytes: 1, payload: Buffer.from("2") } });

/** Writes again and again while somebody reads; resolves when nobody does, or at the end. */
async function pour(stream: Duplex, bytes: Buffer, times: number): Promise<void> {
  for (let count = 0; count < times; count++)
    if (!stream.write(bytes))
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        stream.once("drain", () => (clearTimeout(timer), resolve()));
      });
}

interface Attack {
  readonly name: string;
  readonly send: (guest: Guest) => Promise<void> | void;
  readonly says: RegExp;
  readonly code?: string;
}

const unreadable = /cannot be read/;
const attacks: readonly Attack[] = [
  {
    name: "garbage for a length",
    send: ({ runtime }) => void runtime.write(Buffer.alloc(64, 0xee)),
    says: /a frame of 4008636142 bytes, limit is 1048576/,
  },
  {
    name: "a frame one byte over the limit",
    send: ({ control }) => void control.write(framed(Buffer.alloc(frameMaxBytes + 1))),
    says: /a frame of 1048577 bytes, limit is 1048576/,
  },
  {
    name: "garbage in a frame",
    send: ({ runtime }) => void runtime.write(framed(Buffer.alloc(100, 0xff))),
    says: unreadable,
  },
  {
    name: "a message cut in half, in a whole frame",
    send: ({ runtime }) => void runtime.write(framed(answer("mine").subarray(4, 9))),
    says: unreadable,
  },
  {
    name: "frames with nothing in them",
    send: ({ control }) => void control.write(Buffer.alloc(4_000)),
    says: unreadable,
  },
  {
    name: "an answer to another's request",
    send: ({ runtime }) => void runtime.write(answer("other")),
    says: unreadable,
  },
  {
    name: "a failure of another's request",
    send: ({ runtime }) =>
      void runtime.write(fromRuntime({ invokeFailed: { requestId: "other" } })),
    says: unreadable,
  },
  {
    name: "parts of an answer before its head",
    send: ({ runtime }) =>
      void runtime.write(fromRuntime({ answerChunk: { content: Buffer.alloc(9) } })),
    says: unreadable,
  },
  {
    name: "the end of an answer that was not begun",
    send: ({ runtime }) => void runtime.write(fromRuntime({ answerEnd: { requestId: "mine" } })),
    says: unreadable,
  },
  {
    name: "an answer over the limit",
    send: ({ runtime }) =>
      void runtime.write(fromRuntime({ answer: { requestId: "mine", payloadBytes: 2 ** 31 } })),
    says: /result has 2147483648 bytes, limit is/,
    code: "outputLimit",
  },
  {
    name: "more of an answer than it announced",
    send: ({ runtime }) =>
      void runtime.write(
        fromRuntime({ answer: { requestId: "mine", payloadBytes: 1, payload: Buffer.alloc(9) } }),
      ),
    says: unreadable,
  },
  {
    name: "endless answers to pings that nobody sent",
    send: ({ runtime }) => pour(runtime, fromRuntime({ pong: { id: 1 } }), 10_000),
    says: unreadable,
  },
  {
    name: "endless failures of a load",
    send: ({ runtime }) => pour(runtime, fromRuntime({ loadFailed: {} }), 10_000),
    says: unreadable,
  },
  {
    name: "endless clock settings that nobody asked for",
    send: ({ control }) => pour(control, fromControl({ clockSet: {} }), 10_000),
    says: unreadable,
  },
];

describe("A guest that attacks its agent's channels", () => {
  for (const { name, send, says, code = "guestCrash" } of attacks) {
    it(`is ended at ${name}; its neighbour's call is answered`, async () => {
      const hostile = aGuest();
      const neighbour = aGuest();
      const victim = call(neighbour.session, "theirs");
      const failed = assert.rejects(call(hostile.session, "mine"), { code, message: says });
      await send(hostile);
      await failed;
      const ended = await hostile.session.ended;
      assert.deepEqual([ended.code, ended], [code, hostile.session.failure]);
      await assert.rejects(call(hostile.session, "next"), { code });
      neighbour.runtime.write(answer("theirs"));
      assert.equal(await victim, "2");
      assert.equal(neighbour.session.failure, undefined);
    });
  }

  it("that stops within a message holds up its own call only, until that is given up", async () => {
    const hostile = aGuest();
    const neighbour = aGuest();
    const giveUp = new AbortController();
    const request = { requestId: "mine", payload: Buffer.from("1"), timeoutMs: 1, traceparent: "" };
    const stuck = hostile.session.invoke(request, { signal: giveUp.signal });
    hostile.runtime.write(answer("mine").subarray(0, 11));
    const victim = call(neighbour.session, "theirs");
    neighbour.runtime.write(answer("theirs"));
    assert.equal(await victim, "2");
    giveUp.abort(new TidepoolError("timeout", "too long"));
    await assert.rejects(stuck, { code: "timeout" });
  });

  it("that prints without end is heard in pieces that are not kept", async () => {
    let heardBytes = 0;
    const hostile = aGuest({ onOutput: (_, bytes) => void (heardBytes += bytes.length) });
    const neighbour = aGuest();
    const victim = call(neighbour.session, "theirs");
    const before = process.memoryUsage().arrayBuffers;
    const line = fromControl({ output: { stream: 2, bytes: Buffer.alloc(64 * 1024, 97) } });
    await pour(hostile.control, line, 2_000);
    assert.equal(heardBytes, 2_000 * 64 * 1024);
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * mib);
    neighbour.runtime.write(answer("theirs"));
    assert.equal(await victim, "2");
    assert.equal(hostile.session.failure, undefined);
  });
});

describe("FrameChannel under a guest that sends byte by byte", () => {
  const join = Buffer.concat.bind(Buffer);
  afterEach(() => {
    Buffer.concat = join;
  });

  it("keeps few pieces, and finds the frame", async () => {
    let piecesMax = 0;
    Buffer.concat = (pieces, length) => {
      piecesMax = Math.max(piecesMax, pieces.length);
      return join(pieces, length);
    };
    const [here, there] = duplexPair();
    const frames: Uint8Array[] = [];
    new FrameChannel(here, { onFrame: (frame) => frames.push(frame), onEnd: () => undefined });
    const bytes = framed(Buffer.alloc(60_000, 5));
    for (const byte of bytes)
      if (!there.write(Buffer.of(byte)))
        await new Promise((resolve) => there.once("drain", resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      frames.map((frame) => join([frame])),
      [Buffer.alloc(60_000, 5)],
    );
    assert.ok(piecesMax < 64, `${piecesMax} pieces`);
  });
});
