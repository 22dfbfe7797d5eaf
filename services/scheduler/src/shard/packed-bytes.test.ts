import assert from "node:assert/strict";
import { seededRandom } from "@tidepool/policy";
import { PackedBytes, packedBytesMax } from "./packed-bytes.ts";

describe("PackedBytes", () => {
  it("gives back what was put, however often others are replaced and removed", () => {
    const packed = new PackedBytes();
    const random = seededRandom(3);
    const kept = new Map<number, { at: number; bytes: Uint8Array }>();
    for (let step = 0; step < 20_000; step += 1) {
      const key = Math.floor(random() * 300);
      const known = kept.get(key);
      if (known !== undefined && random() < 0.2) {
        packed.remove(known.at);
        kept.delete(key);
        continue;
      }
      const bytes = new Uint8Array(Math.floor(random() * 2_500)).fill(step & 0xff);
      kept.set(key, { at: packed.put(bytes, known?.at), bytes });
    }
    for (const { at, bytes } of kept.values()) assert.deepEqual(packed.get(at), bytes);
  });

  it("fills what was freed before it grows", () => {
    const packed = new PackedBytes();
    const at = packed.put(new Uint8Array(100));
    packed.put(new Uint8Array(10));
    packed.remove(at);
    assert.equal(packed.put(new Uint8Array(97)), at);
    assert.equal(packed.put(Uint8Array.of(7), at) === at, false);
  });

  it("refuses what is too long to be one function's", () => {
    assert.throws(() => new PackedBytes().put(new Uint8Array(packedBytesMax + 1)), RangeError);
  });
});
