/** Changes that are made for one state of a function, and refused when it has another by now. */
import { TidepoolError } from "@tidepool/common";

/**
 * @param what changes: "function 'f'"
 * @param given empty: not compared
 * @throws TidepoolError `stale`, naming both
 */
export function checkRevision(what: string, current: number, given: string | undefined): void {
  if (!given || given === String(current)) return;
  const is = current === 0 ? "has no revision yet" : `is at revision ${current}`;
  throw new TidepoolError(
    "stale",
    `${what} ${is}, this change was made for revision ${given.slice(0, 80)}`,
    { component: "client", reason: "revision" },
  );
}
