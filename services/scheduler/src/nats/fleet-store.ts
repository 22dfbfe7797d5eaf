/**
 * What shards have learned from their functions together, beside their snapshots in the same bucket. What cannot
 * be read is not an error: the shard then learns anew, from the shipped weights on.
 */
import { fromJetStream } from "@tidepool/actors";
import type { Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import type { FleetStore, Lease, StoredFleet } from "../ports.ts";

const { FleetSnapshot } = tidepool.internal.v1;

/** Raised with every change of the message, or of how is learned, that makes older ones of no use. */
export const fleetFormat = 1;
const floatBytes = 4;

export class NatsFleetStore implements FleetStore {
  private readonly storage: Storage;
  private readonly logger: Logger;

  constructor(storage: Storage, logger: Logger) {
    this.storage = storage;
    this.logger = logger;
  }

  async load(shard: number): Promise<StoredFleet | undefined> {
    try {
      const entry = await this.storage.snapshots.get(keyOf(shard));
      return entry === null || entry.length === 0 ? undefined : fleetFromBytes(entry.value);
    } catch (error) {
      this.logger.warn("what was learned is unreadable", { shard, error: messageOf(error) });
      return undefined;
    }
  }

  async save({ shard, epoch }: Lease, fleet: StoredFleet): Promise<void> {
    try {
      await this.storage.snapshots.put(keyOf(shard), fleetToBytes(fleet, epoch));
    } catch (error) {
      throw fromJetStream(error, `what shard ${shard} has learned`);
    }
  }
}

const keyOf = (shard: number): string => `shard.${shard}.learning`;

export function fleetToBytes({ sequence, learning }: StoredFleet, epoch: number): Uint8Array {
  const { edition, values, squares, slopes, ...numbers } = learning;
  return FleetSnapshot.encode({
    format: fleetFormat,
    epoch,
    sequence,
    ...numbers,
    edition: bytesOf(edition),
    values: bytesOf(values),
    squares: bytesOf(squares),
    slopes: bytesOf(slopes),
  }).finish();
}

/** Undefined when it is of another format. */
export function fleetFromBytes(bytes: Uint8Array): StoredFleet | undefined {
  const wire = FleetSnapshot.decode(bytes);
  if (wire.format !== fleetFormat) return undefined;
  const { anchor, version, isTrusted, steps, nextEdition, waiting } = wire;
  const { learnedLoss, anchorLoss, edition, values, squares, slopes } = wire;
  const numbers = { anchor, version, isTrusted, steps, nextEdition, waiting };
  const learning = {
    ...numbers,
    learnedLoss,
    anchorLoss,
    edition: floatsOf(edition),
    values: floatsOf(values),
    squares: floatsOf(squares),
    slopes: floatsOf(slopes),
  };
  return { sequence: wire.sequence, learning };
}

function bytesOf(floats: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(floats.length * floatBytes));
  for (const [i, value] of floats.entries()) view.setFloat32(i * floatBytes, value, true);
  return new Uint8Array(view.buffer);
}

function floatsOf(bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.byteLength / floatBytes);
  return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * floatBytes, true));
}
