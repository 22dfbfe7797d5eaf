/**
 * What a clone must not share with its template besides what init has already renewed (the kernel's clock
 * and generator; OpenSSL's reseeds itself when it sees how much time has passed): the state of
 * Math.random, which V8 keeps to itself, and the origin of performance.now().
 */

/** Replaces Math.random by xoshiro128** seeded with the host-agent's entropy. */
export function freshenClone(entropy: Uint8Array): void {
  const seed = Buffer.from(entropy.buffer, entropy.byteOffset, entropy.byteLength);
  if (seed.length < 16) throw new Error("a clone needs 16 bytes of entropy");
  let a = seed.readUInt32LE(0);
  let b = seed.readUInt32LE(4);
  let c = seed.readUInt32LE(8);
  let d = seed.readUInt32LE(12) | 1;
  const next = (): number => {
    const scrambled = Math.imul(b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  // 53 bits, as many as a double in [0,1) has.
  const random = (): number => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
  Object.defineProperty(random, "name", { value: "random" });
  Math.random = random;
  freshenTimeOrigin();
}

/** performance.now() stands still while a VM is paused, so its origin moves with every pause. */
export function freshenTimeOrigin(): void {
  const origin = Date.now() - performance.now();
  Object.defineProperty(performance, "timeOrigin", { value: origin, configurable: true });
}
