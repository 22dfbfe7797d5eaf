/** `tidepool up`: options to work. */
import type { CommandContext } from "../program/parts.ts";
import type { UpCommandOptions } from "../program/system.ts";
import { stateFolderDefault } from "../up/state-folder.ts";
import { up } from "../up/up.ts";

export async function upCommand(
  options: UpCommandOptions,
  { terminal, env }: CommandContext,
): Promise<void> {
  const { data, port, httpPort, hypervisor, speed, demo } = options;
  const dataPath = data ?? stateFolderDefault(env);
  const http = httpPort === undefined ? {} : { httpPort };
  await up({ dataPath, port, ...http, hypervisor, speed, hasDemo: demo }, terminal);
}
