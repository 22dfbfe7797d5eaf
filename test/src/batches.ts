/**
 * Which test files run in one process, and which processes at the same time. Most tests of real servers wait for real
 * time and leave the machine idle, so several run at once. Those that boot VMs take a core of their own: one of them
 * at a time. A cluster's tests load a whole machine and look at what it does in time: they have it to themselves. Pure.
 */

/** Files that run in one process, one after the other. */
export interface Batch {
  readonly files: readonly string[];
  /** Not two of these at the same time. */
  readonly bootsVms: boolean;
}

export interface Plan {
  /** What needs nothing: alone and first, so that a plain mistake shows at once. */
  readonly first: readonly string[];
  readonly together: readonly Batch[];
  /** Alone, after all else. */
  readonly last: readonly string[];
}

/** So few that the processes end at about the same time, and so many that starting them is not what takes time. */
const batchFilesMax = 3;

/** Each process starts several servers of its own; more at once than this saves little. */
const processesMax = 3;

export function processesAtOnce(coreCount: number): number {
  return Math.max(1, Math.min(processesMax, coreCount));
}

export function planOf(files: readonly string[]): Plan {
  const sorted = files.toSorted();
  const of = (kind: RegExp): readonly string[] => sorted.filter((file) => kind.test(file));
  return {
    first: sorted.filter((file) => !/\.(nats|netns|vm|libvirt)\.test\.ts$/.test(file)),
    together: [
      ...batches(of(/\.(vm|libvirt)\.test\.ts$/), true),
      ...batches(of(/\.nats\.test\.ts$/), false),
    ],
    last: of(/\.netns\.test\.ts$/),
  };
}

function batches(files: readonly string[], bootsVms: boolean): readonly Batch[] {
  const count = Math.ceil(files.length / batchFilesMax);
  // Neighbours in a folder are alike, also in what they take: dealt out, no batch has all the long ones.
  return Array.from({ length: count }, (_, own) => ({
    files: files.filter((_file, index) => index % count === own),
    bootsVms,
  }));
}

/** What a process that is free takes next; undefined while there is nothing for it. */
export function nextBatch(waiting: readonly Batch[], running: readonly Batch[]): Batch | undefined {
  const isTaken = running.some(({ bootsVms }) => bootsVms);
  return waiting.find(({ bootsVms }) => !(bootsVms && isTaken));
}
