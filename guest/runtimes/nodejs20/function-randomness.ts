/**
 * What a function's init may have drawn from, in a template that is taken after it. OpenSSL's generators renew
 * themselves from the kernel when they see that much time has passed, or that the clock went back, and those of
 * other threads when the one that they were made from has; Node keeps a stock of drawn numbers besides.
 */
import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** How many values Node draws ahead for randomUUID(), and for randomInt(). */
const uuidStockCount = 128;
const integerStockCount = 1024;

/** With the clock set far back, before the freeze: what is drawn now is old in every clone. */
export function ageGenerators(): void {
  randomBytes(1);
}

/** In a clone that has its time and the kernel's randomness; runs down what its template had in stock. */
export function renewGenerators(): void {
  randomBytes(1);
  for (let count = 0; count < uuidStockCount; count++) randomUUID();
  for (let count = 0; count < integerStockCount; count++) randomInt(2);
}
