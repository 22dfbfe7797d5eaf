/** Accepted calls in their bucket, and the keys by which repeated calls are known. */
import { createHash } from "node:crypto";
import type { KV, KvEntry } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { requireNats } from "./require-nats.ts";
import { decodeCall, encodeCall } from "../async/call-wire.ts";
import type { AcceptedCall } from "../async/call.ts";
import type { CallStore, DedupeEntry, DedupeStore, StoredCall } from "../async/ports.ts";
import { storeTimeoutMs } from "../limits.ts";
import { isLostRace, within } from "./store-failure.ts";

export class NatsCallStore implements CallStore {
  private readonly bus: Bus;
  private readonly bucket: KV;

  constructor(bus: Bus, bucket: KV) {
    this.bus = bus;
    this.bucket = bucket;
  }

  async find(requestId: string): Promise<StoredCall | undefined> {
    const what = `reading call '${requestId}'`;
    requireNats(this.bus, what);
    const entry = await within(what, storeTimeoutMs, this.bucket.get(requestId));
    if (entry?.operation !== "PUT") return undefined;
    return { call: decodeCall(entry.value), revision: entry.revision };
  }

  /** An earlier call of this id that was removed is no hindrance. */
  async create(call: AcceptedCall): Promise<number | undefined> {
    const { requestId } = call;
    const revision = await this.write(call, 0);
    if (revision !== undefined) return revision;
    const what = `reading call '${requestId}'`;
    const entry = await within(what, storeTimeoutMs, this.bucket.get(requestId));
    return entry === null || entry.operation === "PUT"
      ? undefined
      : this.write(call, entry.revision);
  }

  replace(call: AcceptedCall, revision: number): Promise<number | undefined> {
    return this.write(call, revision);
  }

  async remove(requestId: string, revision: number): Promise<void> {
    const what = `removing call '${requestId}'`;
    requireNats(this.bus, what);
    await within(what, storeTimeoutMs, this.bucket.delete(requestId, { previousSeq: revision }));
  }

  private async write(call: AcceptedCall, previousSeq: number): Promise<number | undefined> {
    const { requestId } = call;
    const what = `writing call '${requestId}'`;
    requireNats(this.bus, what);
    const written = this.bucket.put(requestId, encodeCall(call), { previousSeq });
    return within(what, storeTimeoutMs, orLostRace(written));
  }
}

export class NatsDedupeStore implements DedupeStore {
  private readonly bus: Bus;
  private readonly bucket: KV;

  constructor(bus: Bus, bucket: KV) {
    this.bus = bus;
    this.bucket = bucket;
  }

  async claim(name: string, key: string, requestId: string): Promise<DedupeEntry | undefined> {
    const what = `claiming a dedupe key of '${name}'`;
    requireNats(this.bus, what);
    const id = keyOf(name, key);
    if ((await this.write(what, id, requestId, 0)) !== undefined) return undefined;
    const entry = await within(what, storeTimeoutMs, this.bucket.get(id));
    return entry === null ? this.claim(name, key, requestId) : entryOf(entry);
  }

  async takeOver(name: string, key: string, requestId: string, revision: number): Promise<boolean> {
    const what = `claiming a dedupe key of '${name}'`;
    return (await this.write(what, keyOf(name, key), requestId, revision)) !== undefined;
  }

  private write(
    what: string,
    id: string,
    requestId: string,
    previousSeq: number,
  ): Promise<number | undefined> {
    requireNats(this.bus, what);
    return within(
      what,
      storeTimeoutMs,
      orLostRace(this.bucket.put(id, requestId, { previousSeq })),
    );
  }
}

function entryOf(entry: KvEntry): DedupeEntry {
  const { revision, created } = entry;
  return { requestId: entry.string(), claimedAtMs: created.getTime(), revision };
}

/** Keys are the callers' own texts; a function has no "." in its name. */
function keyOf(name: string, key: string): string {
  return `${name}.${createHash("sha256").update(key).digest("hex")}`;
}

async function orLostRace(written: Promise<number>): Promise<number | undefined> {
  try {
    return await written;
  } catch (error) {
    if (isLostRace(error)) return undefined;
    throw error;
  }
}
