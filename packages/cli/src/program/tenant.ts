/** What holds for all functions of a tenant. */
import type { Command } from "commander";
import type { TenantOptions } from "../commands/tenant.ts";
import {
  coldStartCostMax,
  command,
  integer,
  jsonOption,
  number,
  predictionOption,
  withAddress,
} from "./parts.ts";
import type { CommandContext } from "./parts.ts";

/** The server's own limit, VM-seconds. */
const prewarmCapMax = 1_000_000_000;

export function addTenantCommands(program: Command, context: CommandContext): void {
  const tenant = command(
    program,
    "tenant",
    "Show or set what holds for all functions that do not say otherwise",
    "tidepool tenant show default",
  );
  command(tenant, "show", "Show a tenant's settings", "tidepool tenant show default")
    .argument("[tenant]", "its name (default: one's own)")
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: { json?: boolean }) => {
      const { showTenant } = await import("../commands/tenant.ts");
      await showTenant(name ?? "", withAddress(program, options), context);
    });
  command(
    tenant,
    "set",
    "Change a tenant's settings; what is not given stays",
    "tidepool tenant set default --prediction shadow",
  )
    .argument("<tenant>")
    .addOption(predictionOption("on"))
    .option(
      "--price <vm-seconds>",
      "idle VM-seconds that one cold start is worth; 0: as many as the keep-alive has",
      number(0, coldStartCostMax),
    )
    .option(
      "--prewarm-cap <vm-seconds>",
      "idle VM-seconds that pre-warmed VMs may have within any hour; 0: the default",
      number(0, prewarmCapMax),
    )
    .option("--concurrency <calls>", "calls of all its functions at once", integer(0, 100_000))
    .option("--rate <calls>", "calls a second; 0: no limit", number(0, 100_000))
    .option("--burst <calls>", "calls at once after a pause, with --rate", integer(1, 100_000))
    .addOption(jsonOption())
    .action(async (name: string, options: Omit<TenantOptions, "address">) => {
      const { setTenant } = await import("../commands/tenant.ts");
      await setTenant(name, withAddress(program, options), context);
    });
}
