/** A message's calls by function: so each is unpacked, and planned for, once. */
import type { Arrival } from "../ports.ts";
import type { FunctionState } from "./function-state.ts";

export function groupCalls(
  arrivals: readonly Arrival[],
  stateOf: (name: string) => FunctionState,
): ReadonlyMap<FunctionState, Arrival[]> {
  const calls = new Map<FunctionState, Arrival[]>();
  for (const arrival of arrivals) {
    const state = stateOf(arrival.functionName);
    const known = calls.get(state);
    if (known === undefined) calls.set(state, [arrival]);
    else known.push(arrival);
  }
  return calls;
}
