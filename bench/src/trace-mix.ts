/**
 * Functions in a trace's proportions: each row as often as it stands for functions, so that a few busy ones have
 * as large a share of the calls as in the trace.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "@tidepool/policy";

export interface Pattern {
  /** Calls in the order of time, from the trace's start. */
  readonly atMs: readonly number[];
  readonly endMs: number;
}

interface Row {
  readonly weight: number;
  readonly minutes: readonly number[];
  readonly counts: readonly number[];
}

const azure = fileURLToPath(new URL("../traces/azure2019-1day.dev.jsonl.gz", import.meta.url));
/** A request trace as `tidepool simulate` reads it; a day of Azure's when it is not set. */
export const tracePath = process.env["BENCH_TRACE"] ?? azure;
const minuteMs = 60_000;
const gzipMagic = 0x1f8b;

/**
 * A trace does not say when in a minute calls come. A minute's only call comes at a second that the pattern has of its
 * own; several, as in the simulator, each at any instant of its share: spread evenly they would have a period that nobody saw.
 */
export async function drawPatterns(count: number): Promise<Pattern[]> {
  const bytes = await readFile(tracePath);
  const text = bytes.readUInt16BE(0) === gzipMagic ? gunzipSync(bytes) : bytes;
  const rows = text
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
  const endMs = (Math.max(...rows.map((row) => row.minutes.at(-1) ?? 0)) + 1) * minuteMs;
  const total = rows.reduce((sum, { weight }) => sum + weight, 0);
  const random = seededRandom(1);
  return Array.from({ length: Math.min(count, total) }, (_, n) => {
    // At equal distances through all that the rows stand for: the proportions are not left to chance.
    let left = ((n + 0.5) * total) / Math.min(count, total);
    const row = rows.find(({ weight }) => (left -= weight) < 0);
    const phaseMs = random() * minuteMs;
    const atMs = (row?.minutes ?? []).flatMap((minute, index) => {
      const calls = row?.counts[index] ?? 0;
      return Array.from({ length: calls }, (_, call) =>
        Math.floor(
          minute * minuteMs + (calls === 1 ? phaseMs : ((call + random()) * minuteMs) / calls),
        ),
      );
    });
    return { atMs, endMs };
  });
}
