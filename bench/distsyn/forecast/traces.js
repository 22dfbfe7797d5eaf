/** Request traces: one gzipped JSON object a line, the slots (minutes) with requests and their counts. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
export function readTrace(name, path, slots, scoredFrom) {
    const text = gunzipSync(readFileSync(path)).toString("utf8");
    const rows = text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    return { name, rows, slots, scoredFrom };
}
export function readAzure(folder) {
    return readTrace("azure", `${folder}/azure2019-1day.dev.jsonl.gz`, 1440, 480);
}
export function readGitcron(folder) {
    return readTrace("gitcron", `${folder}/gitcron-14day.dev.jsonl.gz`, 20_160, 5760);
}
//# sourceMappingURL=traces.js.map