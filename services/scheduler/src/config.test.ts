import assert from "node:assert/strict";
import { readConfig } from "./config.ts";

describe("readConfig of the scheduler", () => {
  it("has a default for everything, with an id of its own for each process", () => {
    const { schedulerId, ...config } = readConfig({});
    assert.deepEqual(config, {
      nats: {
        servers: "nats://127.0.0.1:4222",
        replicas: 1,
        logsKeptMs: 86_400_000,
        logsBytesMax: 268_435_456,
      },
      logLevel: "info",
      shardCount: 64,
      poolBaseTarget: 8,
      poolFloor: 1,
      policy: "learned",
      fleetLearning: "on",
      shardPrewarmIdleVmSecondsMax: 360_000,
    });
    assert.notEqual(schedulerId, readConfig({}).schedulerId);
  });

  it("names everything that is wrong, with its limits", () => {
    const env = {
      TIDEPOOL_SHARD_COUNT: "0",
      TIDEPOOL_SCHEDULER_ID: "a.b",
      TIDEPOOL_POOL_BASE_TARGET: "2",
      TIDEPOOL_POOL_FLOOR: "3",
      TIDEPOOL_POLICY: "magic",
    };
    assert.throws(() => readConfig(env), {
      code: "invalid",
      message:
        /SHARD_COUNT.*from 1 to 1024.*POLICY must be one of learned, periodic, fixed.*SCHEDULER_ID.*'a\.b'.*FLOOR must not exceed/s,
    });
  });
});
