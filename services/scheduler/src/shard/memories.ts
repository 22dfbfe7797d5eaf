/**
 * What is remembered of each function: packed while nobody asks for it, in full while it is worked on. Those
 * in full that were asked for least lately are packed again when the work on another ends.
 */
import type { FunctionRecord } from "@tidepool/policy";
import { decodeMemory, encodeMemory } from "../nats/memory-codec.ts";
import { PackedBytes } from "./packed-bytes.ts";
import type { WindowLedger } from "./window-ledger.ts";

/** In full. Few: what is packed again soon is cheap garbage, and what waits long becomes dear. */
export const unpackedMax = 64;

export interface Unpacked {
  record: FunctionRecord;
  ledger: WindowLedger | undefined;
  /** Differs from what is packed. */
  isChanged: boolean;
  /** When it was last asked for, by how often `rest` had been called. */
  turn: number;
}

export interface MemoryHolder {
  unpacked: Unpacked | undefined;
  /** −1 while nothing of it is packed. */
  packedAt: number;
}

export class Memories {
  private readonly packed = new PackedBytes();
  /** The one asked for least lately first. */
  private readonly open = new Set<MemoryHolder>();
  private turn = 0;

  /** A function that is new. */
  add(holder: MemoryHolder, record: FunctionRecord): void {
    holder.unpacked = { record, ledger: undefined, isChanged: true, turn: this.turn };
    this.open.add(holder);
  }

  /** A function that comes packed. */
  addPacked(holder: MemoryHolder, bytes: Uint8Array): void {
    holder.packedAt = this.packed.put(bytes);
  }

  unpack(holder: MemoryHolder): Unpacked {
    let { unpacked } = holder;
    if (unpacked === undefined) {
      const { record, ledger } = decodeMemory(this.packed.get(holder.packedAt));
      unpacked = { record, ledger, isChanged: false, turn: this.turn };
      holder.unpacked = unpacked;
      this.open.add(holder);
    } else if (unpacked.turn !== this.turn) {
      unpacked.turn = this.turn;
      this.open.delete(holder);
      this.open.add(holder);
    }
    return unpacked;
  }

  /** As they are now, packed; valid until the next call of any method. */
  bytesOf({ unpacked, packedAt }: MemoryHolder): Uint8Array {
    return unpacked?.isChanged === true ? encodeMemory(unpacked) : this.packed.get(packedAt);
  }

  remove(holder: MemoryHolder): void {
    this.open.delete(holder);
    if (holder.packedAt >= 0) this.packed.remove(holder.packedAt);
    holder.unpacked = undefined;
    holder.packedAt = -1;
  }

  /** The work on one function has ended: nothing that it unpacked is held on to. */
  rest(): void {
    this.turn += 1;
    if (this.open.size <= unpackedMax) return;
    for (const holder of this.open) {
      this.pack(holder);
      if (this.open.size <= unpackedMax) return;
    }
  }

  private pack(holder: MemoryHolder): void {
    const { unpacked, packedAt } = holder;
    // What was forecast on the way is not news, but would have to be made again.
    if (unpacked?.isChanged === true || unpacked?.record.slots?.calls.path?.isNew === true) {
      const before = packedAt < 0 ? undefined : packedAt;
      holder.packedAt = this.packed.put(encodeMemory(unpacked), before);
    }
    holder.unpacked = undefined;
    this.open.delete(holder);
  }
}
