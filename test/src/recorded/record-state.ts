/**
 * Records what a system of this version keeps, for later ones:
 * node --import tsx --conditions=source test/src/recorded/record-state.ts test/src/recorded/VERSION
 * writes VERSION.backup and VERSION.json. Tests hold every later version to going on with it.
 */
import { writeFile } from "node:fs/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connectBus, readState } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { writeBackup } from "@tidepool/cli";
import { silentLogger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { aSystem } from "../system/a-system.ts";
import { callCount, fillState, recordedKeyring } from "./recorded-state.ts";

const [, , path = "recorded"] = process.argv;
const system = await aSystem({ keyring: recordedKeyring(), hostCount: 2 });
const bus = await connectBus({
  servers: system.natsUrl,
  name: "record",
  component: "client",
  logger: silentLogger,
});
try {
  const ids = await fillState(system);
  await system.client.hosts.drain("h-2");
  const manager = await jetstreamManager(bus.connection);
  await until(async () => {
    const { state } = await manager.streams.info(`KV_${subjects.buckets.snapshots}`);
    const { periodMs, callsSeen } = await system.client.getForecast("periodic");
    return state.messages > 0 && periodMs > 0 && callsSeen >= callCount;
  }, 90_000);
  await writeBackup(`${path}.backup`, Date.now(), readState(bus));
  await writeFile(`${path}.json`, `${JSON.stringify(ids, undefined, 2)}\n`);
} finally {
  await bus.close();
  await system.stop();
}
