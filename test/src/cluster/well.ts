/** When a cluster is well again after something was done to it: all answer, are heard, and hold the same. */
import type { Cluster } from "@tidepool/cli";
import { systemClock } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { Witness } from "./witness.ts";

const wellMaxMs = 60_000;
const pollMs = 250;

/** Resolves with nothing when it is well; with what is not when the time is over. */
export async function untilWell(cluster: Cluster, witness: Witness): Promise<readonly string[]> {
  const deadlineAtMs = systemClock.nowMs() + wellMaxMs;
  for (;;) {
    const ill = await illParts(cluster, witness);
    if (ill.length === 0 || systemClock.nowMs() > deadlineAtMs) return ill;
    await systemClock.sleep(pollMs);
  }
}

/** Shards that nobody answers for, hosts that nobody hears, and streams that are not the same on all servers. */
async function illParts(cluster: Cluster, witness: Witness): Promise<readonly string[]> {
  const [answering, streams] = await Promise.all([
    witness.answeringShards(subjects.shardCountDefault),
    witness.illStreams(),
  ]);
  const shards = [...Array(subjects.shardCountDefault).keys()]
    .filter((shard) => !answering.includes(shard))
    .map((shard) => `shard ${shard}`);
  const hosts = cluster.names.filter((name) => name.startsWith("host-") && !witness.isHeard(name));
  return [...shards, ...hosts, ...streams];
}
