/** A cluster under load while its processes are killed at random, the seed decides what and when, or restarted in turn. */
import type { Cluster } from "@tidepool/cli";
import { systemClock } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import type { FailedCall } from "./load.ts";
import { underLoad } from "./under-load.ts";
import type { UnderLoadOptions, UnderLoadResult } from "./under-load.ts";

export interface ChaosOptions extends UnderLoadOptions {
  /** Undefined: as long as it takes to restart every process once. */
  readonly durationMs: number | undefined;
  readonly seed: number;
  /** Between two kills, on average. */
  readonly killEveryMs: number;
  /** "nats", "scheduler", "host", "frontend"; each is killed in turn, which of them is drawn. */
  readonly kinds: readonly string[];
}

export interface ChaosResult extends UnderLoadResult {
  readonly kills: readonly { readonly atMs: number; readonly name: string }[];
}

const restartPauseMs = 3_000;

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
  const kills: { atMs: number; name: string }[] = [];
  const signal = AbortSignal.timeout(durationMs);
  while (!signal.aborted) {
    await systemClock.sleep(killEveryMs * (0.5 + random()), signal).catch(() => {});
    const kind = kinds[kills.length % kinds.length];
    if (signal.aborted || kind === undefined) continue;
    const names = cluster.names.filter((name) => name.startsWith(`${kind}-`));
    const name = names[Math.floor(random() * names.length)] ?? "";
    say(`kill ${name}`);
    kills.push({ atMs: systemClock.nowMs(), name });
    cluster.kill(name);
  }
  return kills;
}

/** Failed calls that no kill explains: no process was killed in the second before, or so soon after that it was there. */
export function unexplained({ failures, kills }: ChaosResult): readonly FailedCall[] {
  const slackMs = 1_000;
  return failures.filter(
    ({ atMs, isRetryable }) =>
      !isRetryable || !kills.some((kill) => Math.abs(kill.atMs - atMs) <= slackMs),
  );
}
