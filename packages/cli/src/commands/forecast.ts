/** `tidepool forecast NAME`: what is expected of a function, and why. */
import type { Forecast } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program.ts";
import { formatClock, formatDuration, formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function forecast(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const result = await withClient(options, (client) => client.getForecast(name));
  terminal.out(options.json === true ? `${JSON.stringify(result)}\n` : describeForecast(result));
}

const windowsShownMax = 5;

export function describeForecast(forecast: Forecast): string {
  const { name, degree, periodMs, windows, evidence, callsSeen, hits, misses } = forecast;
  const lines = [
    degree > 0
      ? `${name}: every ${formatDuration(periodMs)}, degree ${degree.toFixed(2)}`
      : `${name}: no period known`,
    `calls seen: ${callsSeen} · windows hit: ${hits}, missed: ${misses}`,
    ...evidence.map((text) => `  - ${text}`),
  ];
  if (forecast.prewarmAtMs !== undefined)
    lines.push(`next VM gets ready at ${formatInstant(forecast.prewarmAtMs)}`);
  const columns = [
    { title: "EXPECTED" },
    { title: "FROM" },
    { title: "TO" },
    { title: "CALLS", align: "right" },
    { title: "DEGREE", align: "right" },
  ] as const;
  const rows = windows
    .slice(0, windowsShownMax)
    .map((window) => [
      formatInstant(window.expectedAtMs),
      formatClock(window.startAtMs),
      formatClock(window.endAtMs),
      String(window.count),
      window.degree.toFixed(2),
    ]);
  const table = rows.length === 0 ? "" : renderTable(columns, rows);
  return `${lines.join("\n")}\n${table}`;
}
