/** `tidepool list`: the functions, one a line. */
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatBytes, formatDuration, formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function list(options: ClientOptions, { terminal }: CommandContext): Promise<void> {
  const functions = await withClient(options, (client) => client.listFunctions());
  if (options.json === true) return terminal.out(`${JSON.stringify(functions)}\n`);
  if (functions.length === 0) {
    terminal.say("no functions yet; deploy one with: tidepool deploy DIR");
    return;
  }
  const columns = [
    { title: "NAME" },
    { title: "VERSION", align: "right" },
    { title: "RUNTIME" },
    { title: "HANDLER" },
    { title: "MEMORY", align: "right" },
    { title: "TIMEOUT", align: "right" },
    { title: "KEEP-ALIVE", align: "right" },
    { title: "CODE", align: "right" },
    { title: "UPDATED" },
  ] as const;
  const rows = functions.map(({ name, version, settings, codeBytes, updatedAtMs }) => [
    name,
    version ?? "-",
    settings.runtime,
    settings.handler,
    `${settings.memoryMib} MiB`,
    formatDuration(settings.timeoutMs),
    formatDuration(settings.keepAliveMs),
    codeBytes === undefined ? "none" : formatBytes(codeBytes),
    formatInstant(updatedAtMs),
  ]);
  terminal.out(renderTable(columns, rows));
}
