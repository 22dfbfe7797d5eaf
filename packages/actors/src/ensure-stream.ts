/**
 * A stream as it should be, whoever comes first. Looked at before it is made: not every service may make
 * streams, and those that may not need only know that it is there.
 */
import { isDeepStrictEqual } from "node:util";
import { JetStreamApiError, StorageType } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";

export type WantedStream = Partial<StreamConfig> & { readonly name: string };

const streamNotFound = 10_059;
const streamNameInUse = 10_058;

export async function ensureStream(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const config = { storage: StorageType.File, ...wanted };
  const found = await find(manager, wanted.name);
  if (found === undefined && (await wasAdded(manager, config))) return;
  const now: object = found ?? (await manager.streams.info(wanted.name)).config;
  const differs = Object.entries(config).some(
    ([key, value]) => !isDeepStrictEqual(new Map(Object.entries(now)).get(key), value),
  );
  // Made by an earlier version with other bounds: ours hold from now on.
  if (differs) await manager.streams.update(wanted.name, config);
}

async function find(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === streamNotFound) return undefined;
    throw error;
  }
}

/** False when another was first. */
async function wasAdded(manager: JetStreamManager, config: WantedStream): Promise<boolean> {
  try {
    await manager.streams.add(config);
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === streamNameInUse) return false;
    throw error;
  }
}
