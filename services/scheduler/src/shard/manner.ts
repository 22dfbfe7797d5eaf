/** How one function is planned for: by which policy, on whose terms, with which numbers. */
import { planPolicyDefault, policies } from "@tidepool/policy";
import type { FunctionPolicy, PlanPolicy } from "@tidepool/policy";
import { tenantDefault } from "../ports.ts";
import type { FunctionVersion } from "../ports.ts";
import { termsOf } from "./terms.ts";
import type { Terms } from "./terms.ts";
import type { ShardWorld } from "./world.ts";

export interface Manner {
  /** What decides; the world's own policy learns in any case. */
  readonly acting: FunctionPolicy;
  readonly terms: Terms;
  readonly settings: PlanPolicy;
  readonly tenant: string;
}

/** @param version undefined for a function that has no code yet, or none any more */
export function mannerOf(world: ShardWorld, version: FunctionVersion | undefined): Manner {
  const tenant = version?.tenant ?? tenantDefault;
  const terms = termsOf(version ?? nobody, world.tenantOf(tenant));
  return {
    acting: terms.prediction === "off" ? policies.fixed : world.policy,
    terms,
    settings: settingsOf(world, version, terms),
    tenant,
  };
}

const nobody = {
  prediction: undefined,
  coldStartCost: undefined,
  keepAliveMs: planPolicyDefault.keepAliveMs,
};

function settingsOf(
  world: ShardWorld,
  version: FunctionVersion | undefined,
  { coldStartCost }: Terms,
): PlanPolicy {
  // One object for all functions that agree in these: settings are made for each call.
  const keepAliveMs = version?.keepAliveMs ?? planPolicyDefault.keepAliveMs;
  const ofHosts = version === undefined ? undefined : world.hosts.prepareP95Ms(version);
  const prepareP95Ms = ofHosts ?? planPolicyDefault.prepareP95Ms;
  const coldStartCostVmMs = coldStartCost * 1_000;
  const isLatest =
    latest.keepAliveMs === keepAliveMs &&
    latest.prepareP95Ms === prepareP95Ms &&
    latest.coldStartCostVmMs === coldStartCostVmMs;
  if (!isLatest) latest = { ...planPolicyDefault, keepAliveMs, prepareP95Ms, coldStartCostVmMs };
  return latest;
}

let latest = planPolicyDefault;
