/** What a bench prints: the machine, the rows, and each figure, with its bound and verdict where one is promised. */
import { arch, cpus, release, totalmem } from "node:os";
import { qemuVersion } from "@tidepool/host-agent/measuring";
import type { Row } from "./stats.ts";

export interface Claim {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Absent: measured, and nothing is promised of it. */
  readonly bound?: Bound;
}

export type Bound = { readonly atLeast: number } | { readonly atMost: number };

export interface Report {
  readonly title: string;
  readonly accelerator: string;
  readonly rows: readonly Row[];
  readonly claims: readonly Claim[];
}

export async function describeMachine(): Promise<string> {
  const [first] = cpus();
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${first?.model ?? arch()}, ${memoryGib} GiB, Linux ${release()}, Node ${process.version}, QEMU ${await qemuVersion()}`;
}

/** What has no bound falls short of none. */
export function holds({ value, bound }: Claim): boolean {
  if (bound === undefined) return true;
  return "atLeast" in bound ? value >= bound.atLeast : value <= bound.atMost;
}

export function describeReport({ title, accelerator, rows, claims }: Report): string {
  const width = Math.max(...rows.map(({ what }) => what.length));
  return [
    `\n${title} (accelerator: ${accelerator})`,
    ...(rows.length === 0 ? [] : [`  ${"".padEnd(width)}   p50 ms   p95 ms   runs`]),
    ...rows.map(
      ({ what, p50Ms, p95Ms, count }) =>
        `  ${what.padEnd(width)} ${p50Ms.toFixed(2).padStart(8)} ${p95Ms.toFixed(2).padStart(8)} ${String(count).padStart(6)}`,
    ),
    ...claims.map(describeClaim),
  ].join("\n");
}

function describeClaim(claim: Claim): string {
  const { what, value, unit, bound } = claim;
  const figure = `${what}: ${value.toFixed(2)} ${unit}`.trimEnd();
  if (bound === undefined) return `  measured: ${figure}`;
  const asked = "atLeast" in bound ? `at least ${bound.atLeast}` : `at most ${bound.atMost}`;
  return `  ${holds(claim) ? "holds" : "FALLS SHORT"}: ${figure} (${asked})`;
}
