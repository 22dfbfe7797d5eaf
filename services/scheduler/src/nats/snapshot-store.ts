/**
 * Snapshots of shards in a key-value bucket, in parts that fit a message; see snapshot.proto. Parts are read and
 * written some at a time, so that memory does not grow with the shard. A snapshot that cannot be read is not an
 * error: the shard then replays the whole stream.
 */
import { promisify } from "node:util";
import { constants, deflateRaw, inflateRaw } from "node:zlib";
import { fromJetStream } from "@tidepool/actors";
import type { Storage } from "@tidepool/actors";
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { tidepool, toTimestamp } from "@tidepool/proto";
import type { Lease, SnapshotStore, StoredFunction } from "../ports.ts";
import { memoryFormat } from "./memory-codec.ts";

const { FunctionSnapshots, ShardSnapshot, ShardSnapshotPart } = tidepool.internal.v1;

type FunctionWire = tidepool.internal.v1.FunctionSnapshot.$Properties;
type PartWire = tidepool.internal.v1.ShardSnapshotPart;
const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Functions in a part: at most a few kilobytes each before deflating, far below a message's megabyte after. */
export const functionsPerPart = 256;
/** Parts that are asked for together: thousands at once would wait for one another until they time out. */
export const partsAtOnce = 8;
/** What is remembered is dense already: more effort saves a tenth and takes three times as long. */
const packing = { level: constants.Z_BEST_SPEED };

export class NatsSnapshotStore implements SnapshotStore {
  private readonly storage: Storage;
  private readonly logger: Logger;

  constructor(storage: Storage, logger: Logger) {
    this.storage = storage;
    this.logger = logger;
  }

  async load(
    shard: number,
    take: (functions: readonly StoredFunction[]) => void,
  ): Promise<number | undefined> {
    const { head } = await this.loadHead(shard);
    if (head === undefined) return undefined;
    if (head.format !== memoryFormat) {
      this.logger.warn("snapshot of another format, replaying all", { shard, format: head.format });
      return undefined;
    }
    const { sequence, epoch, set, partCount } = head;
    const loadPart = async (index: number): Promise<FunctionWire[]> => {
      const entry = await this.storage.snapshots.get(partKey(shard, set, index));
      const part: PartWire = ShardSnapshotPart.decode(entry?.value ?? new Uint8Array());
      const isOfHead = part.sequence === sequence && part.epoch === epoch;
      if (!isOfHead) throw new Error(`part ${index} is missing`);
      return FunctionSnapshots.decode(await inflate(part.functions)).functions;
    };
    try {
      for (let first = 0; first < partCount; first += partsAtOnce) {
        const size = Math.min(partsAtOnce, partCount - first);
        const parts = await Promise.all(
          Array.from({ length: size }, (_, i) => loadPart(first + i)),
        );
        for (const part of parts) take(part.map(fromWire));
      }
    } catch (error) {
      this.logger.warn("snapshot unreadable, replaying all", { shard, error: messageOf(error) });
      return undefined;
    }
    return sequence;
  }

  async save(
    { shard, epoch }: Lease,
    sequence: number,
    functions: Iterable<StoredFunction>,
  ): Promise<void> {
    const { head, revision } = await this.loadHead(shard);
    if (head !== undefined && head.epoch > epoch) {
      throw new TidepoolError("stale", `snapshot of shard ${shard} has epoch ${head.epoch}`);
    }
    const set = head?.set === "a" ? "b" : "a";
    let partCount = 0;
    const { snapshots } = this.storage;
    try {
      for (const packed of packs(functions)) {
        const part = ShardSnapshotPart.encode({ epoch, sequence, functions: await packed });
        await snapshots.put(partKey(shard, set, partCount), part.finish());
        partCount += 1;
      }
      const takenAt = toTimestamp(systemClock.nowMs());
      const format = memoryFormat;
      const next = { format, shard, epoch, sequence, set, partCount, takenAt };
      const value = ShardSnapshot.encode(next).finish();
      if (revision === undefined) await snapshots.create(headKey(shard), value);
      else await snapshots.update(headKey(shard), value, revision);
    } catch (error) {
      throw fromJetStream(error, `snapshot of shard ${shard}`);
    }
  }

  private async loadHead(shard: number): Promise<StoredHead> {
    const entry = await this.storage.snapshots.get(headKey(shard)).catch((error: unknown) => {
      throw fromJetStream(error, `snapshot of shard ${shard}`);
    });
    if (entry === null || entry.length === 0) return {};
    const { value, revision } = entry;
    try {
      return { head: ShardSnapshot.decode(value), revision };
    } catch (error) {
      // The next one takes its place.
      this.logger.warn("snapshot unreadable, replaying all", { shard, error: messageOf(error) });
      return { revision };
    }
  }
}

interface StoredHead {
  readonly head?: tidepool.internal.v1.ShardSnapshot;
  readonly revision?: number;
}

const headKey = (shard: number): string => `shard.${shard}`;
const partKey = (shard: number, set: string, index: number): string =>
  `shard.${shard}.${set}.${index}`;

/** Each is read when its turn comes, at once, and deflated in zlib's own threads: the shard goes on meanwhile. */
function* packs(functions: Iterable<StoredFunction>): Generator<Promise<Buffer>> {
  let part: FunctionWire[] = [];
  const pack = (): Promise<Buffer> =>
    deflate(FunctionSnapshots.encode({ functions: part }).finish(), packing);
  for (const one of functions) {
    // A view of memory that the shard goes on to use.
    part.push({ ...toWire(one), memory: new Uint8Array(one.memory) });
    if (part.length < functionsPerPart) continue;
    yield pack();
    part = [];
  }
  if (part.length > 0) yield pack();
}

function toWire({
  name,
  memory,
  sequence,
  wakeAtMs,
  version,
  demand,
  qualifier,
}: StoredFunction): FunctionWire {
  return {
    name,
    memory,
    sequence,
    version,
    qualifier,
    ...(wakeAtMs === undefined ? {} : { wakeAtMs }),
    ...(demand === undefined
      ? {}
      : { demand: { ...demand.demand, isPeriodic: demand.isPeriodic } }),
  };
}

function fromWire(wire: FunctionWire): StoredFunction {
  const { demand } = wire;
  return {
    name: wire.name ?? "",
    memory: wire.memory ?? new Uint8Array(),
    sequence: wire.sequence ?? 0,
    wakeAtMs: wire.wakeAtMs ?? undefined,
    version: wire.version ?? "",
    qualifier: wire.qualifier ?? "",
    demand: demand
      ? {
          demand: {
            neededMicro: demand.neededMicro ?? 0,
            uncoveredMicro: demand.uncoveredMicro ?? 0,
          },
          isPeriodic: demand.isPeriodic ?? false,
        }
      : undefined,
  };
}
