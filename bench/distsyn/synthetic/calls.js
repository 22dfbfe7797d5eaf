/** Calls made up, by seed: what a clock, several clocks, or chance would do. */
import { seededRandom } from "@tidepool/policy";
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
/** Not a round instant: nothing may rest on where the epoch lies. */
const startMs = 1_763_000_000_000 + 7_531_417;
export const after = (mostMs) => (random) => random() * mostMs;
export const around = (mostMs) => (random) => (2 * random() - 1) * mostMs;
export const bell = (sigmaMs) => (random) => sigmaMs * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
export function ticking(clock, seed) {
    const { periodMs, jitter, ticks, dropped = 0, driftMs = 0, count = 1 } = clock;
    const random = seededRandom(seed * 7919 + 13);
    const phaseMs = clock.phaseMs ?? Math.floor(random() * periodMs);
    const calls = [];
    for (let tick = 0; tick < ticks; tick += 1) {
        const atMs = startMs + (clock.fromMs ?? 0) + phaseMs + tick * (periodMs + driftMs);
        const isDropped = random() < dropped;
        const callMs = Math.round(atMs + jitter(random));
        if (!isDropped)
            for (let n = 0; n < count; n += 1)
                calls.push(callMs);
    }
    return calls.toSorted((a, b) => a - b);
}
/** Calls without memory. */
export function poisson(meanMs, count, seed) {
    const random = seededRandom(seed * 7919 + 13);
    let atMs = startMs;
    return Array.from({ length: count }, () => {
        atMs += -Math.log(1 - random()) * meanMs;
        return Math.floor(atMs);
    });
}
//# sourceMappingURL=calls.js.map