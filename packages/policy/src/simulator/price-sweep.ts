/** Tidepool's own knob as curves are drawn over it: the price of a cold start, and what follows from it. */
import { planPolicyDefault, type PlanPolicy } from "../plan/index.ts";
import type { KnobSetting } from "./slot-policy.ts";
import { slotMsDefault } from "./workload.ts";

/** In seconds of an idle VM. */
export const pricesS = [
  120, 300, 600, 900, 1200, 1800, 2400, 3600, 5400, 7200, 10_800, 14_400, 21_600, 43_200, 86_400,
] as const;
/** The keep-alive that a price stands for, as by default: half of it. */
export const keepAlivePerPrice = 0.5;

/** The price alone: what it pays to wait without knowing more follows from it. */
export function settingsAtPrice(priceS: number): PlanPolicy {
  return {
    ...planPolicyDefault,
    keepAliveMs: priceS * 1000 * keepAlivePerPrice,
    coldStartCostVmMs: priceS * 1000,
    // The forecast's slots stay those of the usual keep-alive.
    slotMs: slotMsDefault,
  };
}

/** @param alsoS a price that is to be among them */
export function priceKnobs(alsoS: readonly number[] = []): KnobSetting[] {
  return [...new Set([...pricesS, ...alsoS])]
    .sort((a, b) => a - b)
    .map((priceS) => ({ label: `price ${priceS} s`, settings: settingsAtPrice(priceS) }));
}
