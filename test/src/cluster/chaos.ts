/** A cluster under load while its processes are killed at random, the seed decides what and when, or restarted in turn. */
import type { Cluster } from "@tidepool/cli";
import { systemClock } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import type { Kill } from "./chaos-report.ts";
import { underLoad } from "./under-load.ts";
import type { UnderLoadOptions, UnderLoadResult } from "./under-load.ts";

/** "agent": a host's process alone, its VMs stay; "host": all that runs on it, and it stays away for a while. */
export const killKinds = ["nats", "scheduler", "agent", "frontend", "host"] as const;
export type KillKind = (typeof killKinds)[number];

export interface ChaosOptions extends UnderLoadOptions {
  /** Undefined: as long as it takes to restart every process once. */
  readonly durationMs: number | undefined;
  readonly seed: number;
  /** Between two kills, on average. */
  readonly killEveryMs: number;
  /** Killed in turn; which of a kind is drawn. */
  readonly kinds: readonly KillKind[];
}

export interface ChaosResult extends UnderLoadResult {
  readonly kills: readonly (Kill & { readonly kind: KillKind })[];
}

const restartPauseMs = 3_000;
/** What a machine takes to be there again. */
const hostAwayMs = 6_000;

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const { durationMs, seed, say } = options;
  let kills: ChaosResult["kills"] = [];
  const result = await underLoad(options, async (cluster) => {
    if (durationMs === undefined) await restartInTurn(cluster, say);
    else kills = await killInTurn(cluster, options, seededRandom(seed), durationMs);
  });
  return { ...result, kills };
}

/** In the order that docs/operations.md gives. */
async function restartInTurn(cluster: Cluster, say: (line: string) => void): Promise<void> {
  for (const kind of ["nats", "scheduler", "host", "frontend"]) {
    for (const name of cluster.names.filter((each) => each.startsWith(`${kind}-`))) {
      say(`restart ${name}`);
      await cluster.restart(name);
      // As an operator does, who looks whether it is well before the next.
      await systemClock.sleep(restartPauseMs);
    }
  }
}

async function killInTurn(
  cluster: Cluster,
  { killEveryMs, kinds, say }: ChaosOptions,
  random: () => number,
  durationMs: number,
): Promise<ChaosResult["kills"]> {
  const kills: (Kill & { readonly kind: KillKind })[] = [];
  const signal = AbortSignal.timeout(durationMs);
  while (!signal.aborted) {
    await systemClock.sleep(killEveryMs * (0.5 + random()), signal).catch(() => {});
    const kind = kinds[kills.length % kinds.length];
    if (signal.aborted || kind === undefined) continue;
    const machine = kind === "agent" ? "host" : kind;
    const names = cluster.names.filter((name) => name.startsWith(`${machine}-`));
    const name = names[Math.floor(random() * names.length)] ?? "";
    say(`kill ${kind} ${name}`);
    const atMs = systemClock.nowMs();
    await (kind === "host" ? cluster.powerOff(name) : cluster.kill(name));
    kills.push({ atMs, endedAtMs: systemClock.nowMs(), name, kind });
    if (kind !== "host") continue;
    await systemClock.sleep(hostAwayMs);
    await cluster.startPart(name);
  }
  return kills;
}
