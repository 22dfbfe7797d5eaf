import assert from "node:assert/strict";
import { PassThrough, duplexPair } from "node:stream";
import type { TidepoolError } from "@tidepool/common";
import { FrameChannel, frameMaxBytes } from "./frame-channel.ts";

function frame(text: string): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt32LE(text.length);
  return Buffer.concat([header, Buffer.from(text)]);
}

describe("FrameChannel", () => {
  const listen = (stream: PassThrough) => {
    const seen = { frames: [] as string[], ends: [] as TidepoolError[] };
    new FrameChannel(stream, {
      onFrame: (bytes) => {
        if (bytes.length === 3) throw new Error("cannot be decoded");
        seen.frames.push(Buffer.from(bytes).toString());
      },
      onEnd: (error) => seen.ends.push(error),
    });
    return seen;
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  for (const step of [1, 2, 5, 4096]) {
    it(`finds the frames in pieces of ${step} bytes`, async () => {
      const stream = new PassThrough();
      const seen = listen(stream);
      const bytes = Buffer.concat(["first", "", "x".repeat(100)].map(frame));
      for (let at = 0; at < bytes.length; at += step) stream.write(bytes.subarray(at, at + step));
      await settle();
      assert.deepEqual(seen.frames, ["first", "", "x".repeat(100)]);
      assert.deepEqual(seen.ends, []);
    });
  }

  it("ends once at a length over the limit, and stores nothing after it", async () => {
    const stream = new PassThrough();
    const seen = listen(stream);
    stream.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    stream.write(frame("later"));
    await settle();
    assert.deepEqual(seen.frames, []);
    assert.deepEqual(
      seen.ends.map((error) => [error.code, error.message]),
      [["guestCrash", `the guest sent a frame of 4294967295 bytes, limit is ${frameMaxBytes}`]],
    );
  });

  it("ends at a frame that cannot be read, and takes no other", async () => {
    const stream = new PassThrough();
    const seen = listen(stream);
    stream.write(Buffer.concat([frame("bad"), frame("later")]));
    await settle();
    assert.deepEqual(seen.frames, []);
    assert.equal(seen.ends[0]?.code, "guestCrash");
  });

  it("ends as unavailable when the stream closes, and drops what is sent after", async () => {
    const stream = new PassThrough();
    const ends: TidepoolError[] = [];
    const channel = new FrameChannel(stream, {
      onFrame: () => undefined,
      onEnd: (error) => ends.push(error),
    });
    stream.destroy();
    await settle();
    assert.equal(ends[0]?.code, "unavailable");
    channel.send(Buffer.from("x"));
    await channel.drained();
  });

  it("sends what the other side reads", async () => {
    const [here, there] = duplexPair();
    const seen: string[] = [];
    const ignore = (): void => undefined;
    new FrameChannel(there, {
      onFrame: (bytes) => seen.push(Buffer.from(bytes).toString()),
      onEnd: ignore,
    });
    const channel = new FrameChannel(here, { onFrame: ignore, onEnd: ignore });
    channel.send(Buffer.from("hello"));
    channel.send(Buffer.from("again"));
    await channel.drained();
    await settle();
    assert.deepEqual(seen, ["hello", "again"]);
  });
});
