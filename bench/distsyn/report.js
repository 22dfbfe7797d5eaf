/** What a bench prints: the machine, the rows, and each promised ratio with its bound and verdict. */
import { arch, cpus, release, totalmem } from "node:os";
import { qemuVersion } from "@tidepool/host-agent/measuring";
export async function describeMachine() {
    const [first] = cpus();
    const memoryGib = Math.round(totalmem() / 2 ** 30);
    return `${cpus().length} × ${first?.model ?? arch()}, ${memoryGib} GiB, Linux ${release()}, Node ${process.version}, QEMU ${await qemuVersion()}`;
}
export function holds({ value, bound }) {
    return "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;
}
export function describeReport({ title, accelerator, rows, claims }) {
    const width = Math.max(...rows.map(({ what }) => what.length));
    return [
        `\n${title} (accelerator: ${accelerator})`,
        ...(rows.length === 0 ? [] : [`  ${"".padEnd(width)}   p50 ms   p95 ms   runs`]),
        ...rows.map(({ what, p50Ms, p95Ms, count }) => `  ${what.padEnd(width)} ${p50Ms.toFixed(2).padStart(8)} ${p95Ms.toFixed(2).padStart(8)} ${String(count).padStart(6)}`),
        ...claims.map((claim) => {
            const bound = "atLeast" in claim.bound
                ? `at least ${claim.bound.atLeast}`
                : `at most ${claim.bound.atMost}`;
            return `  ${holds(claim) ? "holds" : "FALLS SHORT"}: ${claim.what}: ${claim.value.toFixed(2)} ${claim.unit} (${bound})`;
        }),
    ].join("\n");
}
//# sourceMappingURL=report.js.map