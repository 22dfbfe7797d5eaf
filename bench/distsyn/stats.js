/** Order statistics of measured times. */
/** @param share 0 to 1; nearest rank */
export function quantile(values, share) {
    const sorted = values.toSorted((a, b) => a - b);
    return (sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN);
}
export function rowOf(what, valuesMs) {
    return {
        what,
        p50Ms: quantile(valuesMs, 0.5),
        p95Ms: quantile(valuesMs, 0.95),
        count: valuesMs.length,
    };
}
/** Runs `work` one after the other and gives each run's time, ms. */
export async function timesOf(count, work) {
    const times = [];
    for (let index = 0; index < count; index++) {
        const beganAtMs = performance.now();
        await work(index);
        times.push(performance.now() - beganAtMs);
    }
    return times;
}
//# sourceMappingURL=stats.js.map