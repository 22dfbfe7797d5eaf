/** Kills a cluster's processes at random, the seed decides which and when; or restarts every one, in turn. */
import { systemClock } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import type { Kill } from "./chaos-report.ts";
import type { LoadedCluster } from "./loaded-cluster.ts";

/** "agent": a host's process alone, its VMs stay; "host": all that runs on it, and it stays away for a while. */
export const killKinds = ["nats", "scheduler", "agent", "frontend", "host"] as const;
export type KillKind = (typeof killKinds)[number];

export interface KillOptions {
  readonly seed: number;
  /** Between two kills, on average. */
  readonly everyMs: number;
  /** Killed in turn; which of a kind is drawn. */
  readonly kinds: readonly KillKind[];
  /** Undefined: until one of each kind was killed, the next when the cluster is well again after the last. */
  readonly durationMs?: number | undefined;
  readonly say: (line: string) => void;
}

export type KindOfKill = Kill & { readonly kind: KillKind };

/** What a machine takes to be there again. */
const hostAwayMs = 6_000;

export async function killInTurn(
  loaded: Pick<LoadedCluster, "cluster" | "requireWell">,
  { seed, everyMs, kinds, durationMs, say }: KillOptions,
): Promise<readonly KindOfKill[]> {
  const random = seededRandom(seed);
  const signal = durationMs === undefined ? undefined : AbortSignal.timeout(durationMs);
  const kills: KindOfKill[] = [];
  for (;;) {
    await systemClock.sleep(everyMs * (0.5 + random()), signal).catch(() => {});
    const kind = kinds[kills.length % kinds.length];
    if (signal?.aborted === true || kind === undefined) return kills;
    kills.push(await kill(loaded.cluster, kind, random, say));
    if (signal !== undefined) continue;
    await loaded.requireWell();
    if (kills.length >= kinds.length) return kills;
  }
}

export async function kill(
  cluster: LoadedCluster["cluster"],
  kind: KillKind,
  random: () => number,
  say: (line: string) => void,
): Promise<KindOfKill> {
  const machine = kind === "agent" ? "host" : kind;
  const names = cluster.names.filter((name) => name.startsWith(`${machine}-`));
  const name = names[Math.floor(random() * names.length)] ?? "";
  say(`kill ${kind} ${name}`);
  const atMs = systemClock.nowMs();
  await (kind === "host" ? cluster.powerOff(name) : cluster.kill(name));
  const killed = { atMs, endedAtMs: systemClock.nowMs(), name, kind };
  if (kind !== "host") return killed;
  await systemClock.sleep(hostAwayMs);
  await cluster.startPart(name);
  return killed;
}

/** In the order that docs/operations.md gives, and as an operator does, who looks whether it is well before the next. */
export async function restartInTurn(
  { cluster, requireWell }: Pick<LoadedCluster, "cluster" | "requireWell">,
  say: (line: string) => void,
): Promise<void> {
  for (const kind of ["nats", "scheduler", "host", "frontend"]) {
    for (const name of cluster.names.filter((each) => each.startsWith(`${kind}-`))) {
      say(`restart ${name}`);
      await cluster.restart(name);
      await requireWell();
    }
  }
}
