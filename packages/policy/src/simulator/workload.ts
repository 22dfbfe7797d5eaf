/**
 * What is simulated: the calls of many functions, by slots of equal length from the start of the log. Exact
 * instants are kept where the log has them. Otherwise a slot's only call comes at its start, and several are
 * spread over it, each at any instant of its own share: spread evenly they would have a period that nobody saw.
 */

import { seededRandom } from "../seeded-random.ts";

export interface SimulatedFunction {
  readonly id: string;
  /** How many functions of the original population this one stands for. */
  readonly weight: number;
  /** Slots with calls, ascending, each once. */
  readonly slots: readonly number[];
  /** Calls in each of them. */
  readonly counts: readonly number[];
  /** When each call came, from the start of the log, ascending; absent when only slots are known. */
  readonly atMs?: readonly number[];
}

export interface Workload {
  readonly functions: readonly SimulatedFunction[];
  readonly slotMs: number;
  /** Slots from the start of the log to its end. */
  readonly slots: number;
}

export const slotMsDefault = 60_000;

export function* callInstants(calls: SimulatedFunction, slotMs: number): Generator<number> {
  if (calls.atMs !== undefined) {
    yield* calls.atMs;
    return;
  }
  const random = seededRandom(seedOf(calls.id));
  for (const [index, slot] of calls.slots.entries()) {
    const count = calls.counts[index] ?? 0;
    for (let n = 0; n < count; n += 1) {
      const share = count === 1 ? 0 : (n + random()) / count;
      yield slot * slotMs + Math.floor(share * slotMs);
    }
  }
}

/** The same for the same name: FNV-1a. */
function seedOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return hash;
}

/** From instants in ascending order. */
export function functionFromInstants(
  id: string,
  atMs: readonly number[],
  slotMs: number,
): SimulatedFunction {
  const slots: number[] = [];
  const counts: number[] = [];
  for (const at of atMs) {
    const slot = Math.floor(at / slotMs);
    const last = slots.length - 1;
    if (slots[last] === slot) counts[last] = (counts[last] ?? 0) + 1;
    else {
      slots.push(slot);
      counts.push(1);
    }
  }
  return { id, weight: 1, slots, counts, atMs };
}
