/**
 * What the usual policy would have cost on the same calls: each VM is kept for a fixed time after its last
 * call. The yardstick beside which a replay shows its own figures.
 */

export interface FixedKeepAlive {
  /** Calls that found no idle VM. */
  readonly coldCount: number;
  readonly idleVmSeconds: number;
}

/** One call of one function; VMs are not shared between functions. */
export interface ReplayedCall {
  readonly functionName: string;
  readonly atMs: number;
  readonly durationMs: number;
}

/** @param untilMs where the measuring ends: what VMs would idle after it does not count */
export function fixedKeepAlive(
  calls: readonly ReplayedCall[],
  keepAliveMs: number,
  untilMs = Number.POSITIVE_INFINITY,
): FixedKeepAlive {
  const byFunction = new Map<string, ReplayedCall[]>();
  for (const call of calls) {
    const own = byFunction.get(call.functionName);
    if (own === undefined) byFunction.set(call.functionName, [call]);
    else own.push(call);
  }
  let coldCount = 0;
  let idleMs = 0;
  for (const own of byFunction.values()) {
    const one = keepOneFunction(own, keepAliveMs, untilMs);
    coldCount += one.coldCount;
    idleMs += one.idleMs;
  }
  return { coldCount, idleVmSeconds: idleMs / 1000 };
}

/** The most recently used idle VM serves: the others age towards their release. */
function keepOneFunction(
  calls: readonly ReplayedCall[],
  keepAliveMs: number,
  untilMs: number,
): { coldCount: number; idleMs: number } {
  const freeAtMs: number[] = []; // of every VM alive, when it is or was free
  let coldCount = 0;
  let idleMs = 0;
  for (const { atMs, durationMs } of calls.toSorted((a, b) => a.atMs - b.atMs)) {
    let chosen = -1;
    for (let i = freeAtMs.length - 1; i >= 0; i -= 1) {
      const free = freeAtMs[i] ?? 0;
      if (free > atMs) continue; // busy
      if (free + keepAliveMs <= atMs) {
        idleMs += keepAliveMs;
        freeAtMs.splice(i, 1);
        if (chosen > i) chosen -= 1;
      } else if (chosen < 0 || free > (freeAtMs[chosen] ?? 0)) chosen = i;
    }
    if (chosen < 0) {
      coldCount += 1;
      freeAtMs.push(atMs + durationMs);
    } else {
      idleMs += atMs - (freeAtMs[chosen] ?? 0);
      freeAtMs[chosen] = atMs + durationMs;
    }
  }
  const lastMs = (free: number): number => Math.max(0, Math.min(keepAliveMs, untilMs - free));
  return { coldCount, idleMs: freeAtMs.reduce((sum, free) => sum + lastMs(free), idleMs) };
}
