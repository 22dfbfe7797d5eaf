/**
 * What a function's init may have drawn from, in a template that is taken after it. OpenSSL's generators renew
 * themselves from the kernel when they see that much time has passed, or that the clock went back, and those of
 * other threads when the one that they were made from has; Node keeps a stock of drawn numbers besides.
 */
import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** How many values Node draws ahead for randomUUID(), and for randomInt(). */
const uuidStockCount = 128;
const integerStockCount = 1024;

/**
 * Draws from OpenSSL, then runs down what is in stock. Before the freeze, with the clock set far back: what
 * OpenSSL has drawn then is old in every clone. In a clone that has its time and the kernel's randomness: what
 * the template had in stock is used up; the code for that is compiled by then.
 */
export function drawThrough(): void {
  randomBytes(1);
  for (let count = 0; count < uuidStockCount; count++) randomUUID();
  runDownIntegers();
}

/**
 * randomInt() reads its stock number by number with readUIntBE, and takes another when one is too large for an
 * even distribution: told so of each until the stock is drawn anew, one call runs it down in a tenth of the time.
 */
function runDownIntegers(): void {
  const prototype = Buffer.prototype as { readUIntBE: (offset: number, bytes: number) => number };
  const { readUIntBE } = prototype;
  let isNew = false;
  prototype.readUIntBE = (offset) => {
    isNew ||= offset === 0;
    return isNew ? 0 : Number.MAX_SAFE_INTEGER;
  };
  try {
    randomInt(2);
  } finally {
    prototype.readUIntBE = readUIntBE;
  }
  for (let count = 0; !isNew && count < integerStockCount; count++) randomInt(2);
}
