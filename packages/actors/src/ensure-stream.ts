/**
 * A stream as it should be, whoever comes first. Looked at before it is made: not every service may make
 * streams, and those that may not need only know that it is there.
 */
import { isDeepStrictEqual } from "node:util";
import { JetStreamApiError, StorageType } from "@nats-io/jetstream";
import type { JetStreamManager, StreamConfig, StreamInfo } from "@nats-io/jetstream";
import { PermissionViolationError } from "@nats-io/nats-core";

export type WantedStream = Partial<StreamConfig> & { readonly name: string };

const streamNotFound = 10_059;
const streamNameInUse = 10_058;

export async function ensureStream(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const config = { storage: StorageType.File, ...wanted };
  const found = await findStream(manager, wanted.name);
  if (found === undefined && (await wasAdded(manager, config))) return;
  await ensureConfig(manager, config);
}

/**
 * What is there was made by an earlier version with other bounds, or when the cluster was smaller: ours hold from now
 * on. Copies only become more: who does not say how many there are to be, as a command may, takes none away. A
 * service that may not change streams leaves it to one that may.
 */
export async function ensureConfig(manager: JetStreamManager, wanted: WantedStream): Promise<void> {
  const { config: found } = await manager.streams.info(wanted.name);
  const copies = Math.max(wanted.num_replicas ?? 1, found.num_replicas);
  const config = { ...wanted, num_replicas: copies };
  const now = new Map(Object.entries(found));
  const differs = Object.entries(config).some(
    ([key, value]) => !isDeepStrictEqual(now.get(key), value),
  );
  if (!differs) return;
  try {
    await manager.streams.update(wanted.name, config);
  } catch (error) {
    if (!isForbidden(error)) throw error;
  }
}

function isForbidden(error: unknown): boolean {
  const causes = [error, error instanceof Error ? error.cause : undefined];
  return causes.some((each) => each instanceof PermissionViolationError);
}

export async function findStream(
  manager: JetStreamManager,
  name: string,
): Promise<StreamInfo | undefined> {
  try {
    return await manager.streams.info(name);
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
