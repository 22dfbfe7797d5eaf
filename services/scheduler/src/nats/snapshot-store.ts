/**
 * Snapshots of shards in a key-value bucket, in parts that fit a message; see snapshot.proto. A snapshot that
 * cannot be read is not an error: the shard then replays the whole stream.
 */
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { fromJetStream } from "@tidepool/actors";
import type { Storage } from "@tidepool/actors";
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { FunctionRecord } from "@tidepool/policy";
import { tidepool, toTimestamp } from "@tidepool/proto";
import type { Lease, SnapshotStore, StoredShard } from "../ports.ts";
import { slotMemoryFromWire, slotMemoryToWire } from "./slot-memory-codec.ts";
import type { WindowLedger } from "../shard/window-ledger.ts";

const { FunctionSnapshots, ShardSnapshot, ShardSnapshotPart } = tidepool.internal.v1;

type PartWire = tidepool.internal.v1.ShardSnapshotPart;
const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Raised with every change of FunctionRecord that makes older ones unreadable. */
export const recordFormat = 2;
/** Functions in a part: a few kilobytes each before deflating, far below a message's megabyte after. */
export const functionsPerPart = 200;
/** Parts that are asked for together: thousands at once would wait for one another until they time out. */
export const partsAtOnce = 16;

const nothing: StoredShard = { sequence: 0, records: new Map(), ledgers: new Map() };

export class NatsSnapshotStore implements SnapshotStore {
  private readonly storage: Storage;
  private readonly logger: Logger;

  constructor(storage: Storage, logger: Logger) {
    this.storage = storage;
    this.logger = logger;
  }

  async load(shard: number): Promise<StoredShard> {
    const { head } = await this.loadHead(shard);
    if (head === undefined) return nothing;
    if (head.format !== recordFormat) {
      this.logger.warn("snapshot of another format, replaying all", { shard, format: head.format });
      return nothing;
    }
    const { sequence, epoch, set, partCount } = head;
    const loadPart = async (index: number): Promise<PartWire | undefined> => {
      const entry = await this.storage.snapshots.get(partKey(shard, set, index));
      const part = ShardSnapshotPart.decode(entry?.value ?? new Uint8Array());
      return part.sequence === sequence && part.epoch === epoch ? part : undefined;
    };
    const records = new Map<string, FunctionRecord>();
    const ledgers = new Map<string, WindowLedger>();
    try {
      for (let first = 0; first < partCount; first += partsAtOnce) {
        const size = Math.min(partsAtOnce, partCount - first);
        const parts = await Promise.all(
          Array.from({ length: size }, (_, i) => loadPart(first + i)),
        );
        for (const part of parts) await this.takePart(part, records, ledgers);
      }
    } catch (error) {
      this.logger.warn("snapshot unreadable, replaying all", { shard, error: messageOf(error) });
      return nothing;
    }
    return { sequence, records, ledgers };
  }

  private async takePart(
    part: PartWire | undefined,
    records: Map<string, FunctionRecord>,
    ledgers: Map<string, WindowLedger>,
  ): Promise<void> {
    if (part === undefined) throw new Error("a part is missing");
    const { functions } = FunctionSnapshots.decode(await inflate(part.functions));
    for (const { name, record, account, slots } of functions) {
      const known = JSON.parse(record ?? "") as FunctionRecord;
      if (name) records.set(name, slots ? { ...known, slots: slotMemoryFromWire(slots) } : known);
      if (name && account) ledgers.set(name, JSON.parse(account) as WindowLedger);
    }
  }

  /** @throws TidepoolError `stale` when a later owner of the shard has written */
  async save({ shard, epoch }: Lease, { sequence, records, ledgers }: StoredShard): Promise<void> {
    const { head, revision } = await this.loadHead(shard);
    if (head !== undefined && head.epoch > epoch) {
      throw new TidepoolError("stale", `snapshot of shard ${shard} has epoch ${head.epoch}`);
    }
    const set = head?.set === "a" ? "b" : "a";
    const entries = [...records];
    let partCount = 0;
    const { snapshots } = this.storage;
    try {
      for (let from = 0; from < entries.length; from += functionsPerPart) {
        const functions = await pack(entries.slice(from, from + functionsPerPart), ledgers);
        const part = ShardSnapshotPart.encode({ epoch, sequence, functions }).finish();
        await snapshots.put(partKey(shard, set, partCount), part);
        partCount += 1;
      }
      const takenAt = toTimestamp(systemClock.nowMs());
      const format = recordFormat;
      const next = { format, shard, epoch, sequence, set, partCount, takenAt };
      const value = ShardSnapshot.encode(next).finish();
      if (revision === undefined) await snapshots.create(headKey(shard), value);
      else await snapshots.update(headKey(shard), value, revision);
    } catch (error) {
      throw fromJetStream(error, `snapshot of shard ${shard}`);
    }
  }

  private async loadHead(shard: number): Promise<StoredHead> {
    try {
      const entry = await this.storage.snapshots.get(headKey(shard));
      if (entry === null || entry.length === 0) return {};
      return { head: ShardSnapshot.decode(entry.value), revision: entry.revision };
    } catch (error) {
      throw fromJetStream(error, `snapshot of shard ${shard}`);
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

/** Deflated in zlib's own threads: the shard goes on meanwhile. */
function pack(
  entries: readonly (readonly [string, FunctionRecord])[],
  ledgers: StoredShard["ledgers"],
): Promise<Buffer> {
  const functions = entries.map(([name, record]) => {
    const ledger = ledgers.get(name);
    const account = ledger === undefined ? "" : JSON.stringify(ledger);
    const { slots, ...plain } = record;
    const learned = slots === undefined ? {} : { slots: slotMemoryToWire(slots) };
    return { name, record: JSON.stringify(plain), account, ...learned };
  });
  return deflate(FunctionSnapshots.encode({ functions }).finish());
}
