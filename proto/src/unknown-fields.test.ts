/** What a later minor version adds to a message must not keep this one from reading the rest of it. */
import assert from "node:assert/strict";
import { tidepool } from "./index.ts";

interface Codec {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

/** Of each wire type: field 5000 as a number, 5001 as 8 bytes, 5002 as a text, 5003 as 4 bytes. */
const later = Buffer.from(
  "c0b80205" + "c9b8020102030405060708" + "d2b80203616263" + "ddb80201020304",
  "hex",
);

function codecsIn(space: object): readonly (readonly [string, Codec])[] {
  return Object.entries(space).filter((entry): entry is [string, Codec] => {
    const value: unknown = entry[1];
    return typeof value === "function" && "decode" in value && "encode" in value;
  });
}

describe("messages of the next minor version", () => {
  const spaces = { v1: tidepool.v1, internal: tidepool.internal.v1, guest: tidepool.guest.v1 };
  for (const [name, space] of Object.entries(spaces)) {
    it(`of ${name} are read, without what is new`, () => {
      const codecs = codecsIn(space);
      assert.ok(codecs.length > 5, `${codecs.length} messages`);
      for (const [message, codec] of codecs) {
        const plain = codec.encode({}).finish();
        const decoded = codec.decode(Buffer.concat([later, plain, later]));
        const known = Buffer.from(codec.encode(decoded).finish());
        assert.ok(known.subarray(0, plain.length).equals(plain), message);
      }
    });
  }
});
