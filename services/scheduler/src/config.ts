/** The scheduler's configuration, from the environment. */
import { randomUUID } from "node:crypto";
import { readBusSettings } from "@tidepool/actors";
import type { BusSettings } from "@tidepool/actors";
import { logLevels, readEnvironment } from "@tidepool/common";
import type { LogLevel } from "@tidepool/common";
import { policyNames } from "@tidepool/policy";
import type { PolicyName } from "@tidepool/policy";
import { subjects } from "@tidepool/proto";
import { shardPrewarmIdleVmSecondsMaxDefault } from "./shard/prewarm-meter.ts";

const switches = ["on", "off"] as const;
export type Switch = (typeof switches)[number];

export interface SchedulerConfig {
  readonly nats: BusSettings;
  readonly logLevel: LogLevel;
  /** Unique in the cluster; kept over a restart, the shards are had again at once. */
  readonly schedulerId: string;
  /** The same in every process of the cluster, for its whole life. */
  readonly shardCount: number;
  /** Generic VMs that wait while nothing has been learned. */
  readonly poolBaseTarget: number;
  /** Generic VMs that wait in any case. */
  readonly poolFloor: number;
  /** What keeps VMs and pre-warms them. */
  readonly policy: PolicyName;
  /** Whether the learned policy's weights go on learning from each shard's functions together. */
  readonly fleetLearning: Switch;
  /** What pre-warmed VMs of one shard may idle within any hour, VM-seconds. */
  readonly shardPrewarmIdleVmSecondsMax: number;
}

/** @throws TidepoolError `invalid`, naming every variable that is wrong */
export function readConfig(env: NodeJS.ProcessEnv): SchedulerConfig {
  return readEnvironment(env, (reader) => {
    const config = {
      nats: readBusSettings(reader),
      logLevel: reader.oneOf("TIDEPOOL_LOG_LEVEL", "info", logLevels),
      schedulerId: reader.text("TIDEPOOL_SCHEDULER_ID", `s-${randomUUID().slice(0, 8)}`),
      shardCount: reader.integer("TIDEPOOL_SHARD_COUNT", subjects.shardCountDefault, {
        min: 1,
        max: 1_024,
      }),
      poolBaseTarget: reader.integer("TIDEPOOL_POOL_BASE_TARGET", 8, { min: 0, max: 10_000 }),
      poolFloor: reader.integer("TIDEPOOL_POOL_FLOOR", 1, { min: 0, max: 10_000 }),
      policy: reader.oneOf("TIDEPOOL_POLICY", "learned", policyNames),
      fleetLearning: reader.oneOf("TIDEPOOL_FLEET_LEARNING", "on", switches),
      shardPrewarmIdleVmSecondsMax: reader.integer(
        "TIDEPOOL_SHARD_PREWARM_IDLE_VM_SECONDS_MAX",
        shardPrewarmIdleVmSecondsMaxDefault,
        { min: 0, max: 1_000_000_000 },
      ),
    };
    if (!subjects.isToken(config.schedulerId)) {
      reader.problem(
        `TIDEPOOL_SCHEDULER_ID must be at most ${subjects.tokenLengthMax} letters, digits, '-' or '_', got '${config.schedulerId}'`,
      );
    }
    if (config.poolFloor > config.poolBaseTarget) {
      reader.problem("TIDEPOOL_POOL_FLOOR must not exceed TIDEPOOL_POOL_BASE_TARGET");
    }
    return config;
  });
}
