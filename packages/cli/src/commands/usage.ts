/** `tidepool usage [NAME]`: what functions used, summed; with --follow each record as it is written. */
import { given } from "@tidepool/common";
import type { UsageRecord } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { interruptible } from "../interrupt.ts";
import type { UsageCommandOptions } from "../program/usage.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function usage(
  name: string | undefined,
  options: UsageCommandOptions & ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { follow = false, since, json = false } = options;
  const wanted = {
    follow,
    ...given({ name, fromMs: since }),
  };
  await interruptible((signal) =>
    withClient(options, async (client) => {
      const records: UsageRecord[] = [];
      try {
        for await (const record of client.getUsage({ ...wanted, signal })) {
          if (json) terminal.out(`${JSON.stringify(record)}\n`);
          else if (follow) terminal.out(describeRecord(record));
          else records.push(record);
        }
      } catch (error) {
        if (!(follow && signal.aborted)) throw error; // Ctrl-C is how following ends
      }
      if (!json && !follow) terminal.out(describeUsage(records));
    }),
  );
}

interface Sum {
  calls: number;
  failedCalls: number;
  throttledCalls: number;
  gbSeconds: number;
  idleGbSeconds: number;
}

/** One line for each function, by name, and one for all. */
export function describeUsage(records: readonly UsageRecord[]): string {
  if (records.length === 0) return "nothing was used; records are written each minute\n";
  const sums = new Map<string, Sum>();
  const total = noUse();
  for (const record of records) {
    const sum = sums.get(record.functionName) ?? noUse();
    sums.set(record.functionName, sum);
    for (const each of [sum, total]) add(each, record);
  }
  const rows = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
  const fromMs = Math.min(...records.map((record) => record.fromMs));
  const toMs = Math.max(...records.map((record) => record.toMs));
  const table = renderTable(
    [
      { title: "FUNCTION" },
      { title: "CALLS", align: "right" },
      { title: "FAILED", align: "right" },
      { title: "THROTTLED", align: "right" },
      { title: "GB-SECONDS", align: "right" },
      { title: "IDLE GB-SECONDS", align: "right" },
    ],
    [...rows, ["all", total] as const].map(([name, sum]) => [
      name,
      ...[sum.calls, sum.failedCalls, sum.throttledCalls].map(String),
      sum.gbSeconds.toFixed(3),
      sum.idleGbSeconds.toFixed(3),
    ]),
  );
  return `${table}from ${formatInstant(fromMs)} to ${formatInstant(toMs)}; idle time is the platform's, not the caller's\n`;
}

function add(sum: Sum, record: UsageRecord): void {
  sum.calls += record.calls;
  sum.failedCalls += record.failedCalls;
  sum.throttledCalls += record.throttledCalls;
  sum.gbSeconds += record.gbSeconds;
  sum.idleGbSeconds += record.idleGbSeconds;
}

function noUse(): Sum {
  return { calls: 0, failedCalls: 0, throttledCalls: 0, gbSeconds: 0, idleGbSeconds: 0 };
}

function describeRecord(record: UsageRecord): string {
  const { toMs, functionName, version, calls, failedCalls, throttledCalls, source } = record;
  const counts = `${calls} calls, ${failedCalls} failed, ${throttledCalls} throttled`;
  const time = `${record.gbSeconds.toFixed(3)} GB-s run, ${record.idleGbSeconds.toFixed(3)} GB-s idle`;
  return `${formatInstant(toMs)} ${functionName}@${version} ${counts}, ${time} (${source})\n`;
}
