/** The state of a system in one file, and back. They speak to NATS, not to a frontend. */
import { Option } from "commander";
import type { Command } from "commander";
import type { BackupOptions, RestoreOptions } from "../commands/backup.ts";
import { command, jsonOption } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export function addBackupCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "backup",
    "Write all that a system knows to one file: functions, code, secrets (sealed), what was learned, calls that wait",
    "tidepool backup monday.backup --nats nats://10.0.0.1:4222",
  )
    .argument("<file>")
    .addOption(natsOption())
    .addOption(jsonOption())
    .action(async (file: string, options: BackupOptions) => {
      const { backup } = await import("../commands/backup.ts");
      await backup(file, options, context);
    });
  command(
    program,
    "restore",
    "Put a backup into a NATS without data, while no service runs",
    "tidepool restore monday.backup --nats nats://10.0.0.1:4222",
  )
    .argument("<file>")
    .addOption(natsOption())
    .option("--force", "replace the data that is there")
    .option("--without-calls", "leave out accepted calls: those that ended since would run again")
    .addOption(jsonOption())
    .action(async (file: string, options: RestoreOptions) => {
      const { restore } = await import("../commands/backup.ts");
      await restore(file, options, context);
    });
}

function natsOption(): Option {
  const description = "nats-servers (default: TIDEPOOL_NATS_URL, else nats://127.0.0.1:4222)";
  return new Option("--nats <url>", description);
}
