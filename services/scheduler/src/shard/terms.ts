/** What applies to one function: its own word, else its tenant's, else the default. */
import type { FunctionVersion, Prediction, TenantTerms } from "../ports.ts";

export type TermsFrom = "function" | "tenant" | "default";

export interface Terms {
  readonly prediction: Prediction;
  readonly predictionFrom: TermsFrom;
  /** Idle VM-seconds that one cold start is worth. */
  readonly coldStartCost: number;
  readonly coldStartCostFrom: TermsFrom;
}

/** Who keeps a VM for so long after each call is taken to value a cold start so many times that. */
const coldStartCostPerKeepAlive = 2;
/** What holds where neither function nor tenant say anything. */
export const predictionDefault: Prediction = "on";

export function termsOf(
  {
    prediction,
    coldStartCost,
    keepAliveMs,
  }: Pick<FunctionVersion, "prediction" | "coldStartCost" | "keepAliveMs">,
  tenant: TenantTerms,
): Terms {
  return {
    prediction: prediction ?? tenant.prediction ?? predictionDefault,
    predictionFrom: from(prediction, tenant.prediction),
    coldStartCost:
      coldStartCost ?? tenant.coldStartCost ?? (keepAliveMs / 1_000) * coldStartCostPerKeepAlive,
    coldStartCostFrom: from(coldStartCost, tenant.coldStartCost),
  };
}

function from(ofFunction: unknown, ofTenant: unknown): TermsFrom {
  if (ofFunction !== undefined) return "function";
  return ofTenant === undefined ? "default" : "tenant";
}
