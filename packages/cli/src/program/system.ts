/** Commands for a whole system on this machine. */
import { Option } from "commander";
import type { Command } from "commander";
import { command, integer, jsonOption, number, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

const portDefault = 7070;
/** Of a replay, against its trace. */
export const speedDefault = 60;

export interface UpCommandOptions {
  readonly data?: string;
  readonly port: number;
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
  readonly httpPort?: number;
  readonly demo: boolean;
  readonly speed: number;
}

export function addSystemCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "up",
    "Set up this machine, start a whole system on it, and replay real traffic",
    "tidepool up --no-demo",
  )
    .option("--data <dir>", "keeps functions and history (default: ~/.local/state/tidepool)")
    .option("--port <port>", "of the frontend", integer(1, 65_535), portDefault)
    .option(
      "--http-port <port>",
      "of function URLs (default: 10 above the other)",
      integer(1, 65_535),
    )
    .addOption(
      new Option("--hypervisor <name>", "what runs the VMs")
        .choices(["qemu", "libvirt", "simulated"])
        .default("qemu"),
    )
    .option("--speed <n>", "of the replay", number(0.1, 10_000), speedDefault)
    .option("--no-demo", "start only: deploy and replay nothing")
    .action(async (options: UpCommandOptions) => {
      const { upCommand } = await import("../commands/up.ts");
      await upCommand(options, context);
    });

  command(
    program,
    "doctor",
    "Check what this machine has and lacks, with a fix for each",
    "tidepool doctor",
  )
    .option("--data <dir>", "the data folder of `up` (default: ~/.local/state/tidepool)")
    .addOption(jsonOption())
    .action(async (options: { data?: string; json?: boolean }) => {
      const { doctor } = await import("../commands/doctor.ts");
      await doctor(withAddress(program, options), context);
    });
}
