/** A cluster under load while its processes are killed at random, the seed decides what and when, or restarted in turn. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "@tidepool/cli";
import { systemClock } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import { TidepoolClient } from "@tidepool/sdk";
import { echoZip } from "../system/a-system.ts";
import { load } from "./load.ts";
import type { FailedCall, LoadResult } from "./load.ts";

export interface ChaosOptions {
  /** Undefined: as long as it takes to restart every process once. */
  readonly durationMs: number | undefined;
  readonly seed: number;
  readonly callsPerSecond: number;
  /** Between two kills, on average. */
  readonly killEveryMs: number;
  /** "nats", "scheduler", "host", "frontend"; each is killed in turn, which of them is drawn. */
  readonly kinds: readonly string[];
  readonly hypervisor: "qemu" | "simulated";
  readonly say: (line: string) => void;
}

export interface ChaosResult extends Omit<LoadResult, "acceptedIds"> {
  readonly kills: readonly { readonly atMs: number; readonly name: string }[];
  readonly acceptedCount: number;
  /** How many accepted calls ended how; "lost" when nobody knows of them. */
  readonly statuses: Readonly<Record<string, number>>;
}

const functions = ["a", "b", "c", "d"];
const endMaxMs = 120_000;
const restartPauseMs = 3_000;

export async function chaos(options: ChaosOptions): Promise<ChaosResult> {
  const { durationMs, seed, callsPerSecond, hypervisor, say } = options;
  const folder = await mkdtemp(join(tmpdir(), "tidepool-chaos-"));
  const cluster = await Cluster.start({
    folder,
    nats: 3,
    frontends: 2,
    schedulers: 3,
    hosts: 3,
    hypervisor,
    env: { TIDEPOOL_POOL_BASE_TARGET: "6" },
    say,
    signal: new AbortController().signal,
  });
  try {
    const client = await TidepoolClient.connect(cluster.addresses.join(","));
    for (const name of functions) {
      await client.createFunction(name, { runtime: "nodejs20", handler: "index.handler" });
      await client.uploadCode(name, echoZip);
      await client.invoke(name, 1);
    }
    const ended = new AbortController();
    const { signal } = ended;
    const loading = load({ client, callsPerSecond, asyncShare: 0.5, functions, signal });
    if (durationMs === undefined) await restartInTurn(cluster, say).finally(() => ended.abort());
    else setTimeout(() => ended.abort(), durationMs);
    const kills = await killInTurn(cluster, options, seededRandom(seed), signal);
    const { acceptedIds, ...result } = await loading;
    const ids = [...new Set(acceptedIds)];
    const statuses = await statusesOf(client, ids);
    client.close();
    return { ...result, kills, acceptedCount: ids.length, statuses };
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
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
  signal: AbortSignal,
): Promise<ChaosResult["kills"]> {
  const kills: { atMs: number; name: string }[] = [];
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

async function statusesOf(
  client: TidepoolClient,
  ids: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const statuses: Record<string, number> = {};
  for (const id of ids) {
    const status = await client
      .waitForInvocation(id, { timeoutMs: endMaxMs })
      .then((call) => call.status)
      .catch(() => "lost" as const);
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  return statuses;
}

/** Failed calls that no kill explains: no process was killed in the second before, or so soon after that it was there. */
export function unexplained({ failures, kills }: ChaosResult): readonly FailedCall[] {
  const slackMs = 1_000;
  return failures.filter(
    ({ atMs, isRetryable }) =>
      !isRetryable || !kills.some((kill) => Math.abs(kill.atMs - atMs) <= slackMs),
  );
}
