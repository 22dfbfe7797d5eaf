/** Where on its curve another policy beats Tidepool's, in words. Pure. */
import { coldAt } from "@tidepool/policy";
import type { Weighing } from "./contest.ts";

/** Of the fixed keep-alive's waste: every fiftieth is looked at. */
const stepsOfWaste = 50;

/**
 * Where another policy has fewer cold starts than Tidepool's, or Tidepool's has no setting so cheap; over the whole
 * curve up to the last column. What knows the future is left out.
 */
export function whereBeaten(
  { baseline, policies }: Pick<Weighing, "baseline" | "policies">,
  wasteShares: readonly number[],
): readonly string[] {
  const own = policies.find(({ choice }) => choice === "learned");
  const [cheapest] = own?.frontier ?? [];
  if (own === undefined || cheapest === undefined) return [];
  const last = Math.round(Math.max(...wasteShares) * stepsOfWaste);
  const better = policies
    .filter(({ choice }) => choice !== "learned" && choice !== "clairvoyant")
    .flatMap(({ name, frontier }) => {
      const ranges = rangesWhere(last, (step) => {
        const waste = (step / stepsOfWaste) * baseline.waste;
        const theirs = coldAt(frontier, waste);
        return theirs !== undefined && theirs < (coldAt(own.frontier, waste) ?? Infinity);
      });
      return ranges.length === 0 ? [] : [`${name} at ${ranges.join(", ")}`];
    });
  const begins = `Tidepool's cheapest setting is at ${(cheapest.waste / baseline.waste).toFixed(2)}.`;
  return better.length === 0
    ? [`No rival has fewer cold starts than Tidepool at any waste up to the last column. ${begins}`]
    : [`Rivals with fewer cold starts than Tidepool: ${better.join("; ")}. ${begins}`];
}

/** "0.44 to 0.52", of the steps from 1 to `last`. */
function rangesWhere(last: number, isIn: (step: number) => boolean): string[] {
  const ranges: string[] = [];
  const text = (step: number): string => (step / stepsOfWaste).toFixed(2);
  let from: number | undefined;
  for (let step = 1; step <= last + 1; step += 1) {
    if (step <= last && isIn(step)) from ??= step;
    else if (from !== undefined) {
      ranges.push(from === step - 1 ? text(from) : `${text(from)} to ${text(step - 1)}`);
      from = undefined;
    }
  }
  return ranges;
}
