/**
 * A cluster of simulated hosts or real ones, its machines' clocks apart where that is asked for, and calls to it while
 * something is done to it: which of them failed, what came of every accepted one, and what a witness has heard.
 */
import { setMaxListeners } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
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
import { untilWell } from "./well.ts";
import { Witness } from "./witness.ts";

export interface LoadedClusterOptions {
  readonly callsPerSecond: number;
  readonly hypervisor: "qemu" | "simulated";
  /** By name. */
  readonly functions?: Readonly<Record<string, Partial<FunctionSettings>>>;
  /** Machines' clocks are so far apart, every other one ahead; absent: not at all. */
  readonly clocksApartMs?: number;
  /** A folder that the processes' logs are copied to in the end. */
  readonly logsTo?: string;
  readonly say: (line: string) => void;
}

/** What came of the calls that were made while something was done. */
export interface DisturbedCalls extends LoadResult {
  /** Of them, those at fixed periods. */
  readonly periodic: readonly PeriodicCall[];
}

export interface Ends {
  readonly acceptedCount: number;
  /** How many accepted calls ended how; "lost" when nobody knows of them. */
  readonly statuses: Readonly<Record<string, number>>;
}

const warmFunctions: NonNullable<LoadedClusterOptions["functions"]> = {
  a: {},
  b: {},
  c: {},
  d: {},
};
/** Beside those that are warm, some that need a VM, and so a scheduler and a host that hears it, for each call. */
export const warmAndFresh: NonNullable<LoadedClusterOptions["functions"]> = {
  a: {},
  b: {},
  fresh0: { singleUse: true },
  fresh1: { singleUse: true },
  fresh2: { singleUse: true },
  fresh3: { singleUse: true },
};
const endMaxMs = 120_000;
/** Of accepted calls, while their ends are looked up. */
const looksAtOnce = 16;
/** A period is sure after six to nine calls. */
const predictedMaxMs = 400_000;
const predictedInARow = 3;

export class LoadedCluster {
  readonly cluster: Cluster;
  readonly witness: Witness;
  readonly #client: TidepoolClient;
  readonly #options: LoadedClusterOptions;
  readonly #folder: string;
  readonly #acceptedIds = new Set<string>();

  private constructor(
    options: LoadedClusterOptions,
    folder: string,
    cluster: Cluster,
    client: TidepoolClient,
    witness: Witness,
  ) {
    this.#options = options;
    this.#folder = folder;
    this.cluster = cluster;
    this.#client = client;
    this.witness = witness;
  }

  static async start(options: LoadedClusterOptions): Promise<LoadedCluster> {
    const folder = await mkdtemp(join(tmpdir(), "tidepool-chaos-"));
    const cluster = await Cluster.start({
      folder,
      nats: 3,
      frontends: 2,
      schedulers: 3,
      hosts: 3,
      hypervisor: options.hypervisor,
      env: { TIDEPOOL_POOL_BASE_TARGET: "6" },
      envOf: clocksApart(options.clocksApartMs ?? 0),
      say: options.say,
      signal: new AbortController().signal,
    });
    const client = await TidepoolClient.connect(cluster.addresses.join(","));
    const loaded = new LoadedCluster(options, folder, cluster, client, await Witness.of(cluster));
    try {
      await loaded.#deploy(options.functions ?? warmFunctions);
      return loaded;
    } catch (error) {
      await loaded.stop();
      throw error;
    }
  }

  /**
   * Calls go on until `disturb` has ended, then those that wait are waited for.
   * @param options.isPeriodic calls at fixed periods too, beside the others; they are predicted before anything is done
   */
  async during<T>(
    disturb: () => Promise<T>,
    { isPeriodic = false } = {},
  ): Promise<readonly [T, DisturbedCalls]> {
    const { functions = warmFunctions, callsPerSecond, say } = this.#options;
    const client = this.#client;
    const ended = new AbortController();
    const { signal } = ended;
    setMaxListeners(0, signal);
    if (isPeriodic) await this.#deploy(periodicFunctions);
    const periodic = isPeriodic ? new PeriodicLoad(client, signal) : undefined;
    let loading: Promise<LoadResult> | undefined;
    let disturbed: T;
    try {
      await periodic?.untilPredicted(predictedInARow, predictedMaxMs);
      say("under load");
      const names = Object.keys(functions);
      loading = load({ client, callsPerSecond, asyncShare: 0.5, functions: names, signal });
      disturbed = await disturb();
    } finally {
      ended.abort();
    }
    const [result] = await Promise.all([loading, periodic?.ended()]);
    const calls = {
      ...result,
      acceptedIds: [...result.acceptedIds, ...(periodic?.acceptedIds ?? [])],
      syncCount: result.syncCount + (periodic?.syncCount ?? 0),
      failures: [...result.failures, ...(periodic?.failures ?? [])],
      refusals: [...result.refusals, ...(periodic?.refusals ?? [])],
      periodic: periodic?.calls ?? [],
    };
    for (const id of calls.acceptedIds) this.#acceptedIds.add(id);
    return [disturbed, calls];
  }

  /** Resolves when all answer, are heard, and hold the same. @throws Error naming what is still ill when it should long be well */
  readonly requireWell = async (): Promise<void> => {
    const ill = await untilWell(this.cluster, this.witness);
    if (ill.length > 0) throw new Error(`not well again: ${ill.join(", ")}`);
  };

  /** Waits for every call that was accepted until now. */
  async ends(): Promise<Ends> {
    const statuses: Record<string, number> = {};
    const left = this.#acceptedIds.values();
    const look = async (): Promise<void> => {
      for (const id of left) {
        const status = await this.#client
          .waitForInvocation(id, { timeoutMs: endMaxMs })
          .then((call) => call.status)
          .catch(() => "lost" as const);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: looksAtOnce }, look));
    return { acceptedCount: this.#acceptedIds.size, statuses };
  }

  async stop(): Promise<void> {
    const { logsTo } = this.#options;
    this.#client.close();
    await this.witness.stop();
    await this.cluster.stop();
    if (logsTo !== undefined) await cp(join(this.#folder, "logs"), logsTo, { recursive: true });
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #deploy(functions: NonNullable<LoadedClusterOptions["functions"]>): Promise<void> {
    for (const [name, more] of Object.entries(functions)) {
      const settings = { runtime: "nodejs20", handler: "index.handler", ...more };
      await this.#client.createFunction(name, settings);
      await this.#client.uploadCode(name, echoZip);
      await this.#client.invoke(name, 1);
    }
  }
}

const clockOffset = new URL("./clock-offset.mjs", import.meta.url).href;

/** "host-1" is behind by half of it, "host-2" ahead, and so on. */
function clocksApart(apartMs: number): (name: string) => NodeJS.ProcessEnv {
  return (name) => {
    if (apartMs === 0) return {};
    const offsetMs = Number(name.at(-1)) % 2 === 0 ? apartMs / 2 : -apartMs / 2;
    return { NODE_OPTIONS: `--import=${clockOffset}`, CLOCK_OFFSET_MS: String(offsetMs) };
  };
}
