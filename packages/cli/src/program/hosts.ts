/** Hosts of a cluster. */
import type { Command } from "commander";
import type { DrainOptions } from "../commands/host.ts";
import { command, jsonOption, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export function addHostCommands(program: Command, context: CommandContext): void {
  const host = command(
    program,
    "host",
    "List hosts, take one out of service, put it back",
    "tidepool host list",
  );
  command(host, "list", "List the hosts, their state and what they hold", "tidepool host list")
    .addOption(jsonOption())
    .action(async (options: { json?: boolean }) => {
      const { listHosts } = await import("../commands/host.ts");
      await listHosts(withAddress(program, options), context);
    });
  command(
    host,
    "drain",
    "Give a host no more work; its calls end, and its VMs move to others",
    "tidepool host drain h-3 --wait",
  )
    .argument("<host>")
    .option("--wait", "until it has no VM any more")
    .addOption(jsonOption())
    .action(async (hostId: string, options: Omit<DrainOptions, "address">) => {
      const { drainHost } = await import("../commands/host.ts");
      await drainHost(hostId, withAddress(program, options), context);
    });
  command(host, "undrain", "Give a drained host work again", "tidepool host undrain h-3")
    .argument("<host>")
    .addOption(jsonOption())
    .action(async (hostId: string, options: { json?: boolean }) => {
      const { undrainHost } = await import("../commands/host.ts");
      await undrainHost(hostId, withAddress(program, options), context);
    });
}
