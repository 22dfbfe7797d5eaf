/** A function's part of its shard's demand on the warming pools. */
import { activeUntilMs } from "@tidepool/policy";
import type { FunctionDemand, PlanPolicy } from "@tidepool/policy";
import type { FunctionVersion } from "../ports.ts";
import type { DemandBook } from "./demand-book.ts";
import type { FunctionState } from "./function-state.ts";

/**
 * Puts it in the place of what was there before.
 * @param isOn otherwise nobody acts upon a forecast, and it covers nothing
 * @returns until when the function counts as it does now, when nothing but time changes that
 */
export function contribute(
  book: DemandBook,
  state: FunctionState,
  version: FunctionVersion,
  asked: FunctionDemand,
  settings: PlanPolicy,
  isOn: boolean,
  nowMs: number,
): number | undefined {
  const part = isOn ? asked : { ...asked, degree: 0, coverage: 0 };
  if (part.count > 0) {
    state.demand = book.replace(state.demand, version, part, nowMs);
  } else {
    book.remove(state.demand);
    state.demand = undefined;
  }
  return part.count > 0 && part.degree === 0 ? activeUntilMs(state.record, settings) : undefined;
}
