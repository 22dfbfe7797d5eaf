/** A cluster of simulated hosts or real ones under load while something is done to it, and what became of every call. */
import { setMaxListeners } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "@tidepool/cli";
import { TidepoolClient } from "@tidepool/sdk";
import type { FunctionSettings } from "@tidepool/sdk";
import { echoZip } from "../system/a-system.ts";
import { load } from "./load.ts";
import type { LoadResult } from "./load.ts";
import { periodicFunctions, PeriodicLoad } from "./periodic-load.ts";
import type { PeriodicCall } from "./periodic-load.ts";

export interface UnderLoadOptions {
  readonly callsPerSecond: number;
  readonly hypervisor: "qemu" | "simulated";
  /** By name; called in turn. */
  readonly functions?: Readonly<Record<string, Partial<FunctionSettings>>>;
  /** Calls at fixed periods too, beside the others; they are predicted before anything is done to the cluster. */
  readonly isPeriodic?: boolean;
  /** Of one machine, beside what every one has. */
  readonly envOf?: (name: string) => NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
}

export interface UnderLoadResult extends Omit<LoadResult, "acceptedIds"> {
  readonly acceptedCount: number;
  /** Of the periodic ones. */
  readonly periodic: readonly PeriodicCall[];
  /** How many accepted calls ended how; "lost" when nobody knows of them. */
  readonly statuses: Readonly<Record<string, number>>;
}

const warmFunctions: NonNullable<UnderLoadOptions["functions"]> = { a: {}, b: {}, c: {}, d: {} };
const endMaxMs = 120_000;
/** Of accepted calls, while their ends are looked up. */
const looksAtOnce = 16;
/** A period is sure after six to nine calls. */
const predictedMaxMs = 400_000;
const predictedInARow = 3;

/** The load ends when `disturb` has, and then every accepted call is waited for. */
export async function underLoad(
  options: UnderLoadOptions,
  disturb: (cluster: Cluster, client: TidepoolClient) => Promise<void>,
): Promise<UnderLoadResult> {
  const { callsPerSecond, hypervisor, functions = warmFunctions, isPeriodic = false } = options;
  const { envOf, say } = options;
  const folder = await mkdtemp(join(tmpdir(), "tidepool-chaos-"));
  const cluster = await Cluster.start({
    folder,
    nats: 3,
    frontends: 2,
    schedulers: 3,
    hosts: 3,
    hypervisor,
    env: { TIDEPOOL_POOL_BASE_TARGET: "6" },
    ...(envOf === undefined ? {} : { envOf }),
    say,
    signal: new AbortController().signal,
  });
  try {
    const client = await TidepoolClient.connect(cluster.addresses.join(","));
    const names = Object.keys(functions);
    const all = { ...functions, ...(isPeriodic ? periodicFunctions : {}) };
    for (const [name, more] of Object.entries(all)) {
      const settings = { runtime: "nodejs20", handler: "index.handler", ...more };
      await client.createFunction(name, settings);
      await client.uploadCode(name, echoZip);
      await client.invoke(name, 1);
    }
    const ended = new AbortController();
    const { signal } = ended;
    setMaxListeners(0, signal);
    const periodic = isPeriodic ? new PeriodicLoad(client, signal) : undefined;
    let loading: Promise<LoadResult> | undefined;
    try {
      await periodic?.untilPredicted(predictedInARow, predictedMaxMs);
      say("under load");
      loading = load({ client, callsPerSecond, asyncShare: 0.5, functions: names, signal });
      await disturb(cluster, client);
    } finally {
      ended.abort();
    }
    const [{ acceptedIds, ...result }] = await Promise.all([loading, periodic?.ended()]);
    const ids = [...new Set([...acceptedIds, ...(periodic?.acceptedIds ?? [])])];
    const statuses = await statusesOf(client, ids);
    client.close();
    return {
      ...result,
      syncCount: result.syncCount + (periodic?.syncCount ?? 0),
      failures: [...result.failures, ...(periodic?.failures ?? [])],
      refusals: [...result.refusals, ...(periodic?.refusals ?? [])],
      periodic: periodic?.calls ?? [],
      acceptedCount: ids.length,
      statuses,
    };
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function statusesOf(
  client: TidepoolClient,
  ids: readonly string[],
): Promise<Readonly<Record<string, number>>> {
  const statuses: Record<string, number> = {};
  const left = ids.values();
  const look = async (): Promise<void> => {
    for (const id of left) {
      const status = await client
        .waitForInvocation(id, { timeoutMs: endMaxMs })
        .then((call) => call.status)
        .catch(() => "lost" as const);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: looksAtOnce }, look));
  return statuses;
}
