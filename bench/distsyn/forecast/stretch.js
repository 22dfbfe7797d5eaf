/**
 * The same trace at another pace, and with calls left out: schedules are mostly round on the clock, and a
 * network that has seen no others does not learn that a period of 93 minutes is one too.
 */
import { seededRandom } from "@tidepool/policy";
const factorMin = 0.6;
const factorMax = 2;
const droppedMax = 0.25;
/** Each row by a factor of its own. Half of the rows lose a share of their calls. */
export function stretch(trace, seed) {
    const random = seededRandom(seed);
    const rows = trace.rows.map((row) => stretchRow(row, trace.slots, random));
    return { ...trace, name: `${trace.name}, stretched`, rows };
}
function stretchRow(row, slots, random) {
    const factor = factorMin * (factorMax / factorMin) ** random();
    const dropped = random() < 0.5 ? 0 : random() * droppedMax;
    const shift = random();
    const counts = new Map();
    for (const [index, minute] of row.minutes.entries()) {
        if (random() < dropped)
            continue;
        const slot = Math.floor((minute + shift) * factor);
        if (slot < slots)
            counts.set(slot, (counts.get(slot) ?? 0) + (row.counts[index] ?? 1));
    }
    return { ...row, minutes: [...counts.keys()], counts: [...counts.values()] };
}
//# sourceMappingURL=stretch.js.map