/** Adds up how long VMs waited, from samples of how many there are: each level holds until the next sample. */

export interface VmSeconds {
  /** Real instants, ms. */
  sample(atMs: number, vms: { idle: number; generic: number }): void;
  /** Real seconds up to `atMs`. */
  totals(atMs: number): { idle: number; generic: number };
}

export function createVmSeconds(): VmSeconds {
  let lastAtMs: number | undefined;
  let level = { idle: 0, generic: 0 };
  let sumMs = { idle: 0, generic: 0 };

  const advance = (atMs: number): void => {
    const passedMs = lastAtMs === undefined ? 0 : Math.max(0, atMs - lastAtMs);
    sumMs = {
      idle: sumMs.idle + level.idle * passedMs,
      generic: sumMs.generic + level.generic * passedMs,
    };
    lastAtMs = Math.max(atMs, lastAtMs ?? atMs);
  };

  return {
    sample(atMs, vms) {
      advance(atMs);
      level = vms;
    },
    totals(atMs) {
      advance(atMs);
      return { idle: sumMs.idle / 1000, generic: sumMs.generic / 1000 };
    },
  };
}
