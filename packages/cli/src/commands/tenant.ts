/** `tidepool tenant show|set NAME`: what holds for all functions that do not say otherwise. */
import { given } from "@tidepool/common";
import type { Prediction, Tenant } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatInstant } from "../terminal/format.ts";
import { mergeRateLimit } from "./merge-settings.ts";

export interface TenantOptions extends ClientOptions {
  readonly prediction?: Prediction;
  readonly price?: number;
  readonly prewarmCap?: number;
  readonly concurrency?: number;
  readonly rate?: number;
  readonly burst?: number;
}

export async function showTenant(
  name: string,
  options: ClientOptions,
  context: CommandContext,
): Promise<void> {
  print(await withClient(options, (client) => client.getTenant(name)), options, context);
}

/** What is not given stays as it was. */
export async function setTenant(
  name: string,
  options: TenantOptions,
  context: CommandContext,
): Promise<void> {
  const { prediction, price, prewarmCap, concurrency, rate, burst } = options;
  if ([prediction, price, prewarmCap, concurrency, rate, burst].every((each) => each === undefined))
    throw usageError(
      "nothing to set",
      "give --prediction, --price, --prewarm-cap, --concurrency, --rate or --burst",
    );
  const tenant = await withClient(options, async (client) => {
    const { settings } = await client.getTenant(name);
    return client.updateTenant(name, {
      ...settings,
      ...given({
        prediction,
        coldStartCost: price,
        prewarmIdleVmSecondsMax: prewarmCap,
        concurrencyMax: concurrency,
      }),
      rateLimit: mergeRateLimit(settings.rateLimit, rate, burst),
    });
  });
  print(tenant, options, context);
}

function print(
  tenant: Tenant,
  { json = false }: ClientOptions,
  { terminal }: CommandContext,
): void {
  terminal.out(json ? `${JSON.stringify(tenant)}\n` : describeTenant(tenant));
}

export function describeTenant({ name, settings, updatedAtMs }: Tenant): string {
  const { prediction, coldStartCost, prewarmIdleVmSecondsMax, concurrencyMax, rateLimit } =
    settings;
  const lines = [
    `${name}: set ${updatedAtMs === undefined ? "never" : formatInstant(updatedAtMs)}`,
    `  prediction   ${prediction === "inherit" ? "on (default)" : prediction}`,
    `  price        ${coldStartCost === 0 ? "the length of a function's keep-alive (default)" : `${coldStartCost} idle VM-seconds a cold start`}`,
    `  pre-warm cap ${prewarmIdleVmSecondsMax === 0 ? "the default" : `${prewarmIdleVmSecondsMax} idle VM-seconds within any hour`}`,
    `  concurrency  ${concurrencyMax === undefined ? "1000 calls at once (default)" : `${concurrencyMax} calls at once`}`,
    `  rate         ${rateLimit === undefined ? "no limit" : `${rateLimit.callsPerSecond} calls a second, ${rateLimit.burst ?? 1} at once`}`,
  ];
  return `${lines.join("\n")}\n`;
}
