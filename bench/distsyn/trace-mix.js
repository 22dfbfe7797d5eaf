/** Functions in a trace's proportions: rows drawn by how many functions each stands for. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "@tidepool/policy";
const excerpt = fileURLToPath(new URL("../../examples/traces/excerpt.jsonl", import.meta.url));
/** A request trace as `tidepool simulate` reads it; the excerpt of examples/ when it is not set. */
export const tracePath = process.env["BENCH_TRACE"] ?? excerpt;
const minuteMs = 60_000;
const gzipMagic = 0x1f8b;
/** Each of the patterns has a second of its own in the minute: a trace does not say when in it calls come. */
export async function drawPatterns(count) {
    const bytes = await readFile(tracePath);
    const text = bytes.readUInt16BE(0) === gzipMagic ? gunzipSync(bytes) : bytes;
    const rows = text
        .toString("utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    const minutes = Math.max(...rows.map((row) => row.minutes.at(-1) ?? 0)) + 1;
    const total = rows.reduce((sum, { weight }) => sum + weight, 0);
    const random = seededRandom(1);
    return Array.from({ length: count }, () => {
        let left = random() * total;
        const row = rows.find(({ weight }) => (left -= weight) < 0) ?? rows[0];
        const phaseMs = random() * minuteMs;
        const atMs = (row?.minutes ?? []).flatMap((minute, index) => {
            const calls = row?.counts[index] ?? 0;
            return Array.from({ length: calls }, (_, n) => Math.floor(minute * minuteMs + phaseMs + (n * minuteMs) / calls));
        });
        return { atMs: atMs.sort((a, b) => a - b), endMs: (minutes + 1) * minuteMs };
    });
}
//# sourceMappingURL=trace-mix.js.map