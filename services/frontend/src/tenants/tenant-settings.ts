/** What a tenant may set: checked, with all problems in one error. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import type { TenantLimits } from "../admission/admission.ts";
import {
  concurrencyProblems,
  parseRateLimit,
  rateLimitProblems,
} from "../functions/concurrency-settings.ts";
import { predictionProblems } from "../functions/prediction.ts";
import { prewarmCapMaxVmSeconds, tenantConcurrencyDefault } from "../limits.ts";

type SettingsMessage = tidepool.v1.TenantSettings.$Properties;

/** @throws TidepoolError `invalid`, naming everything that is wrong and its limits */
export function parseTenantSettings(given: SettingsMessage | null | undefined): SettingsMessage {
  const prediction = given?.prediction ?? 0;
  const coldStartCost = given?.coldStartCost ?? 0;
  const prewarmIdleVmSecondsMax = given?.prewarmIdleVmSecondsMax ?? 0;
  const concurrencyMax = given?.concurrencyMax ?? undefined;
  const rateLimit = parseRateLimit(given?.rateLimit);
  const problems = [
    ...predictionProblems(prediction, coldStartCost),
    ...concurrencyProblems("tenant's", concurrencyMax),
    ...rateLimitProblems(rateLimit),
  ];
  if (!(prewarmIdleVmSecondsMax >= 0 && prewarmIdleVmSecondsMax <= prewarmCapMaxVmSeconds)) {
    problems.push(
      `cap of ${prewarmIdleVmSecondsMax} idle VM-seconds must be 0 to ${prewarmCapMaxVmSeconds}`,
    );
  }
  if (problems.length > 0) throw new TidepoolError("invalid", problems.join("; "));
  return {
    prediction,
    coldStartCost,
    prewarmIdleVmSecondsMax,
    ...(concurrencyMax === undefined ? {} : { concurrencyMax }),
    ...(rateLimit === undefined ? {} : { rateLimit }),
  };
}

export function limitsOfTenant(settings: SettingsMessage | null | undefined): TenantLimits {
  return {
    concurrencyMax: settings?.concurrencyMax ?? tenantConcurrencyDefault,
    rateLimit: parseRateLimit(settings?.rateLimit),
  };
}
