/** What triggers need of the rest of the frontend. */

/**
 * Durable when it resolves. Safe to repeat with the same requestId: the call is accepted once.
 * @throws TidepoolError `invalid`, `tooLarge`, `notFound`, `noCapacity` when a store is full, `unavailable`
 */
export type AcceptCall = (call: {
  readonly name: string;
  readonly payload: Uint8Array | undefined;
  readonly requestId: string | undefined;
  readonly qualifier: string | undefined;
  /** Calls and messages that led to it, one after the other. */
  readonly hops?: number;
}) => Promise<{ readonly requestId: string; readonly isDuplicate: boolean }>;

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
