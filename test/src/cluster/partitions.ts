/** Cuts links of a cluster and mends them, and tells which failed calls no cut explains. */
import { until } from "@tidepool/actors/testing";
import { thisMachine } from "@tidepool/cli";
import type { Cluster } from "@tidepool/cli";
import { systemClock } from "@tidepool/common";
import { isConnectedTo } from "./connections.ts";
import type { FailedCall } from "./load.ts";
import type { LoadedCluster } from "./loaded-cluster.ts";

export const cutKinds = [
  "host-nats",
  "scheduler-nats",
  "frontend-host",
  "client-frontend",
  "nats-nats",
] as const;
export type CutKind = (typeof cutKinds)[number];

export interface CutOptions {
  /** One after the other, the next when the cluster is well again after the last. */
  readonly kinds: readonly CutKind[];
  readonly cutMs: number;
  /** Done in the middle of each. */
  readonly meanwhile?: ((kind: CutKind, turn: number) => Promise<unknown>) | undefined;
  readonly say: (line: string) => void;
}

export interface Cut {
  readonly kind: CutKind;
  readonly atMs: number;
  readonly mendedAtMs: number;
  readonly wellAtMs: number;
}

export async function cutInTurn(
  { cluster, requireWell }: Pick<LoadedCluster, "cluster" | "requireWell">,
  { kinds, cutMs, meanwhile, say }: CutOptions,
): Promise<readonly Cut[]> {
  const cuts: Cut[] = [];
  for (const kind of kinds) {
    const pairs = pairsOf(cluster, kind, cuts.length);
    say(`cut ${pairs.map((pair) => pair.join("|")).join(" ")}`);
    const atMs = systemClock.nowMs();
    await Promise.all(pairs.map(([one, other]) => cluster.network.cut(one, other)));
    const disturbed = systemClock.sleep(cutMs / 2).then(() => meanwhile?.(kind, cuts.length));
    await Promise.all([systemClock.sleep(cutMs), requireCut(cluster, pairs), disturbed]);
    await Promise.all(pairs.map(([one, other]) => cluster.network.mend(one, other)));
    const mendedAtMs = systemClock.nowMs();
    say("mend");
    await requireWell();
    // Who was cut off tries again seconds later only: calls would notice nothing of the next cut.
    if (kind === "client-frontend") await until(() => areAllConnected(cluster));
    say("well");
    cuts.push({ kind, atMs, mendedAtMs, wellAtMs: systemClock.nowMs() });
  }
  return cuts;
}

async function areAllConnected({ addresses }: Cluster): Promise<boolean> {
  return (await Promise.all(addresses.map(isConnectedTo))).every(Boolean);
}

/** @throws Error naming who hears whom */
async function requireCut({ network }: Cluster, pairs: readonly Pair[]): Promise<void> {
  for (const [one, other] of pairs) {
    if (await network.reaches(one, other)) throw new Error(`${one} still reaches ${other}`);
  }
}

type Pair = readonly [string, string];

/** Which machines hear each other no more; another of the kind each time. */
function pairsOf(cluster: Cluster, kind: CutKind, turn: number): readonly Pair[] {
  const of = (machine: string): readonly string[] =>
    machine === thisMachine
      ? [machine]
      : cluster.names.filter((name) => name.startsWith(`${machine}-`));
  const [one = "", other = ""] = kind.split("-");
  const lonely = of(one)[turn % of(one).length] ?? "";
  const others = of(other).filter((name) => name !== lonely);
  const far = other === "nats" ? others : others.slice(0, 1);
  return far.map((name) => [lonely, name]);
}

/** Who has just noticed a cut connects anew when it is mended already: calls may fail for so long still. */
const recoveryMaxMs = 2_000;

/** Failed calls that were not under way during any cut, or that may not be tried again; with how long after a cut they began. */
export function uncut(
  failures: readonly FailedCall[],
  cuts: readonly Cut[],
): readonly (FailedCall & { readonly sinceMendedMs: number })[] {
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
