/** A cluster under load while links are cut and mended: which calls failed, and whether ever two owners of a shard were obeyed. */
import type { Cluster } from "@tidepool/cli";
import { systemClock } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { FailedCall } from "./load.ts";
import { underLoad } from "./under-load.ts";
import type { UnderLoadOptions, UnderLoadResult } from "./under-load.ts";
import { Witness } from "./witness.ts";

export const cutKinds = ["host-nats", "scheduler-nats", "frontend-host", "nats-nats"] as const;
export type CutKind = (typeof cutKinds)[number];

export interface PartitionOptions extends UnderLoadOptions {
  /** One after the other. */
  readonly cuts: readonly CutKind[];
  readonly cutMs: number;
  /** Between two, to see that all is well again. */
  readonly mendedMs: number;
  /** Machines' clocks are so far apart, every other one ahead; absent: not at all. */
  readonly clocksApartMs?: number;
}

export interface Cut {
  readonly kind: CutKind;
  readonly atMs: number;
  readonly mendedAtMs: number;
}

export interface PartitionResult extends UnderLoadResult {
  readonly cuts: readonly Cut[];
  /** Of what the witness has seen. */
  readonly violations: readonly string[];
  readonly obeyedCount: number;
  readonly refusedEpochs: number;
  /** Shards that nobody answers for, and hosts that nobody hears, after the last has been mended. */
  readonly missing: readonly string[];
}

/** Beside those that are warm, some that need a VM, and so a scheduler and a host that hears it, for each call. */
export const partitionFunctions = {
  a: {},
  b: {},
  fresh0: { singleUse: true },
  fresh1: { singleUse: true },
  fresh2: { singleUse: true },
  fresh3: { singleUse: true },
};
const settleMs = 2_000;
const wellMaxMs = 60_000;
const pollMs = 500;

export async function partitions(options: PartitionOptions): Promise<PartitionResult> {
  const { say, cutMs, mendedMs } = options;
  const cuts: Cut[] = [];
  let witnessed = { violations: [] as readonly string[], obeyedCount: 0, refusedEpochs: 0 };
  let missing: readonly string[] = [];
  const envOf = clocksApart(options.clocksApartMs ?? 0);
  const result = await underLoad(
    { functions: partitionFunctions, ...options, envOf },
    async (cluster) => {
      const witness = await Witness.of(cluster);
      try {
        await systemClock.sleep(settleMs);
        for (const kind of options.cuts) {
          const pairs = pairsOf(cluster, kind, cuts.length);
          say(`cut ${pairs.map((pair) => pair.join("|")).join(" ")}`);
          const atMs = systemClock.nowMs();
          await Promise.all(pairs.map(([one, other]) => cluster.network.cut(one, other)));
          await systemClock.sleep(cutMs);
          await Promise.all(pairs.map(([one, other]) => cluster.network.mend(one, other)));
          cuts.push({ kind, atMs, mendedAtMs: systemClock.nowMs() });
          say("mend");
          await systemClock.sleep(mendedMs);
        }
        missing = await untilWell(cluster, witness);
        witnessed = {
          violations: witness.violations(),
          obeyedCount: witness.obeyed.length,
          refusedEpochs: witness.refusedEpochs.length,
        };
      } finally {
        await witness.stop();
      }
    },
  );
  return { ...result, ...witnessed, cuts, missing };
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

/** Which machines hear each other no more; another of the kind each time. */
function pairsOf(
  cluster: Cluster,
  kind: CutKind,
  turn: number,
): readonly (readonly [string, string])[] {
  const of = (machine: string): readonly string[] =>
    cluster.names.filter((name) => name.startsWith(`${machine}-`));
  const [one = "", other = ""] = kind.split("-");
  const lonely = of(one)[turn % of(one).length] ?? "";
  const others = of(other).filter((name) => name !== lonely);
  const far = kind === "frontend-host" ? others.slice(0, 1) : others;
  return far.map((name) => [lonely, name]);
}

/** What is still wrong when the time is over. */
async function untilWell(cluster: Cluster, witness: Witness): Promise<readonly string[]> {
  const deadlineAtMs = systemClock.nowMs() + wellMaxMs;
  for (;;) {
    const answering = new Set(await witness.answeringShards(subjects.shardCountDefault));
    const shards = [...Array(subjects.shardCountDefault).keys()]
      .filter((shard) => !answering.has(shard))
      .map((shard) => `shard ${shard}`);
    const hosts = cluster.names.filter(
      (name) => name.startsWith("host-") && !witness.isHeard(name),
    );
    const missing = [...shards, ...hosts];
    if (missing.length === 0 || systemClock.nowMs() > deadlineAtMs) return missing;
    await systemClock.sleep(pollMs);
  }
}

/** Who has just noticed a cut connects anew when it is mended already: calls may fail for so long still. */
const recoveryMaxMs = 2_000;

/** Failed calls that were not under way during any cut, or that may not be tried again; with how long after a cut they began. */
export function uncut({
  failures,
  cuts,
}: PartitionResult): readonly (FailedCall & { readonly sinceMendedMs: number })[] {
  return failures
    .filter(({ atMs, endedAtMs, isRetryable }) => {
      const isDuring = (cut: Cut): boolean =>
        endedAtMs >= cut.atMs && atMs <= cut.mendedAtMs + recoveryMaxMs;
      return !isRetryable || !cuts.some(isDuring);
    })
    .map((failure) => {
      const before = cuts.findLast(({ mendedAtMs }) => mendedAtMs <= failure.atMs);
      return { ...failure, sinceMendedMs: failure.atMs - (before?.mendedAtMs ?? NaN) };
    });
}
