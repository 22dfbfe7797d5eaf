/** `tidepool backup` and `tidepool restore`: with the settings by which a service reaches NATS. */
import { checkStopped, connectBus, readBusSettings, readState, writeState } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import { readEnvironment, silentLogger, systemClock } from "@tidepool/common";
import { readBackup, writeBackup } from "../backup/file.ts";
import type { CommandContext } from "../program/parts.ts";

export interface BackupOptions {
  readonly nats?: string;
  readonly json?: boolean;
}

export interface RestoreOptions extends BackupOptions {
  readonly force?: boolean;
  readonly withoutCalls?: boolean;
}

export async function backup(
  file: string,
  options: BackupOptions,
  context: CommandContext,
): Promise<void> {
  const { messageCount, bytes } = await withBus(options, context, (bus) =>
    writeBackup(file, systemClock.nowMs(), readState(bus)),
  );
  const { terminal } = context;
  if (options.json === true) terminal.out(`${JSON.stringify({ file, messageCount, bytes })}\n`);
  else terminal.say(`${messageCount} messages in ${file}, ${bytes} bytes`);
}

/** The whole file is checked before anything is changed. */
export async function restore(
  file: string,
  options: RestoreOptions,
  context: CommandContext,
): Promise<void> {
  await checkWhole(file);
  const { force: isForced = false, withoutCalls: isWithoutCalls = false } = options;
  const messageCount = await withBus(options, context, async (bus) => {
    await checkStopped(bus);
    return writeState(bus, readBackup(file), { isForced, isWithoutCalls });
  });
  const { terminal } = context;
  if (options.json === true) terminal.out(`${JSON.stringify({ file, messageCount })}\n`);
  else terminal.say(`${messageCount} messages restored from ${file}; the services can start`);
}

async function checkWhole(file: string): Promise<void> {
  const records = readBackup(file);
  while (!(await records.next()).done);
}

async function withBus<T>(
  { nats }: BackupOptions,
  { env }: CommandContext,
  use: (bus: Bus) => Promise<T>,
): Promise<T> {
  const given = nats === undefined ? env : { ...env, TIDEPOOL_NATS_URL: nats };
  const settings = readEnvironment(given, readBusSettings);
  const name = "tidepool backup";
  const bus = await connectBus({ ...settings, name, component: "client", logger: silentLogger });
  try {
    return await use(bus);
  } finally {
    await bus.close();
  }
}
