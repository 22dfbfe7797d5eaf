/**
 * Calls that wait for a VM that is being made. One of the same version that becomes free meanwhile is theirs, the
 * longest waiting first: many calls at once do not wait for as many clones, which slow one another down.
 */
import type { Vm } from "../vm/vm.ts";
import { orAborted } from "../within.ts";

type Give = (vm: Vm) => void;

export class Handover {
  /** By function version; those that have waited longest first. */
  private readonly waiting = new Map<string, Set<Give>>();

  /**
   * The VM that a call runs in, taken for it: its own as soon as it is ready, or another. The one of the two that it
   * does not need is given back.
   * @throws TidepoolError why its own ended before, or the signal's reason
   */
  async readyFor(own: Vm, signal: AbortSignal): Promise<Vm> {
    let other: Vm | undefined;
    let chosen: Vm | undefined;
    const key = keyOf(own);
    const queue = this.waiting.get(key) ?? new Set();
    this.waiting.set(key, queue);
    let give: Give = () => {};
    const given = new Promise<Vm>((resolve) => {
      give = (vm) => {
        queue.delete(give);
        other = vm;
        vm.take();
        resolve(vm);
      };
    });
    queue.add(give);
    try {
      chosen = await orAborted(Promise.race([own.whenReady.then(() => own), given]), signal);
      return chosen;
    } finally {
      queue.delete(give);
      if (queue.size === 0 && this.waiting.get(key) === queue) this.waiting.delete(key);
      if (other !== undefined) this.release(chosen === other ? own : other);
    }
  }

  /** A VM may be free: it is the next call's that waits for one of its version. */
  offer(vm: Vm): void {
    const { phase, isTaken, isOutdated, isReserved } = vm;
    if (phase !== "idle" || isTaken || isOutdated || isReserved) return;
    const [give] = this.waiting.get(keyOf(vm)) ?? [];
    give?.(vm);
  }

  /** A call that had it does not need it. A clone that is not begun is not made. */
  private release(vm: Vm): void {
    vm.giveBack();
    if (vm.phase === "cloning" && !vm.isBegun) vm.stop("reduced");
    else this.offer(vm);
  }
}

function keyOf({ assignment }: Vm): string {
  return assignment === undefined ? "" : `${assignment.owned.name}@${assignment.owned.version}`;
}
