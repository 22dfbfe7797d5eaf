/** What triggers need of the rest of the frontend. */

/** A bucket of triggers by name, with a copy of all of them. */
export interface TriggerStore<T> {
  /** From the copy, in no order. */
  values(): readonly T[];
  /** From the store; without a value where it was deleted. */
  read(
    name: string,
  ): Promise<{ readonly revision: number; readonly value: T | undefined } | undefined>;
  /** Undefined when another writer was faster. @param revision of the entry that it replaces; 0 for none */
  write(name: string, value: T, revision: number): Promise<unknown>;
  remove(name: string): Promise<void>;
}
