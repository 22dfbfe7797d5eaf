/** `tidepool doctor`: each need with its state and fix; fails when the main job cannot run. */
import { runChecks } from "../doctor/checks.ts";
import type { Check } from "../doctor/checks.ts";
import { exitCodes } from "../exit-codes.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import type { Style } from "../terminal/terminal.ts";
import { stateFolderDefault } from "../up/state-folder.ts";

const marks: Record<Check["state"], { readonly text: string; readonly style: Style }> = {
  ok: { text: "ok     ", style: "green" },
  warning: { text: "warning", style: "yellow" },
  failed: { text: "FAILED ", style: "red" },
};

export async function doctor(
  options: ClientOptions & { readonly data?: string },
  { terminal, env, setExitCode }: CommandContext,
): Promise<void> {
  terminal.status("checking …");
  const dataPath = options.data ?? stateFolderDefault(env);
  const checks = await runChecks({ ...options, dataPath, env });
  terminal.status("");
  const canRun = checks.every(({ state }) => state !== "failed");
  if (!canRun) setExitCode(exitCodes.failure);
  if (options.json === true) return terminal.out(`${JSON.stringify({ canRun, checks })}\n`);
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const { name, state, detail, fix } of checks) {
    const { text, style } = marks[state];
    terminal.out(`${terminal.paintOut(style, text)}  ${name.padEnd(width)}  ${detail}\n`);
    if (fix !== undefined) terminal.out(`${" ".repeat(text.length + width + 4)}fix: ${fix}\n`);
  }
  terminal.out(canRun ? "the main job can run\n" : "the main job cannot run yet\n");
}
