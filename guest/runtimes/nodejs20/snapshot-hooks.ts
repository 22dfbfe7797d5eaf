/**
 * What a function wants done before a template is taken after its init, and in each clone of it: closing and
 * opening again what must not be shared. `tidepool.beforeSnapshot(hook)` and `tidepool.afterRestore(hook)` are
 * there for every module; hooks may be asynchronous and run one after the other.
 */
type Hook = () => unknown;

export class SnapshotHooks {
  readonly #before: Hook[] = [];
  readonly #after: Hook[] = [];

  /** For the function's modules, as a global. */
  offer(): void {
    const tidepool = Object.freeze({
      beforeSnapshot: (hook: Hook) => void this.#before.push(confirmed(hook)),
      afterRestore: (hook: Hook) => void this.#after.push(confirmed(hook)),
    });
    Object.defineProperty(globalThis, "tidepool", { value: tidepool });
  }

  /** What was opened last is closed first. */
  async runBefore(): Promise<void> {
    for (const hook of this.#before.toReversed()) await hook();
  }

  async runAfter(): Promise<void> {
    for (const hook of this.#after) await hook();
  }
}

function confirmed(hook: Hook): Hook {
  if (typeof hook !== "function") throw new TypeError("a snapshot hook must be a function");
  return hook;
}
