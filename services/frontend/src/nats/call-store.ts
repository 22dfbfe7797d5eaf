/** Accepted calls in their bucket, and the keys by which repeated calls are known. */
import { createHash } from "node:crypto";
import type { KV, KvEntry } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { requireNats } from "./require-nats.ts";
import { decodeCall, encodeCall } from "../async/call-wire.ts";
import type { AcceptedCall } from "../async/call.ts";
import type { CallStore, DedupeEntry, DedupeStore, StoredCall } from "../async/ports.ts";
import { storeTimeoutMs } from "../limits.ts";
import { patiently, putPatiently } from "./patience.ts";
import { within } from "./store-failure.ts";

export class NatsCallStore implements CallStore {
  private readonly bus: Bus;
  private readonly bucket: KV;

  constructor(bus: Bus, bucket: KV) {
    this.bus = bus;
    this.bucket = bucket;
  }

  async find(requestId: string): Promise<StoredCall | undefined> {
    const entry = await this.read(requestId);
    if (entry?.operation !== "PUT") return undefined;
    return { call: decodeCall(entry.value), revision: entry.revision };
  }

  /** An earlier call of this id that was removed is no hindrance. */
  async create(call: AcceptedCall): Promise<number | undefined> {
    const revision = await this.write(call, 0);
    if (revision !== undefined) return revision;
    const entry = await this.read(call.requestId);
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

  private read(requestId: string): Promise<KvEntry | null> {
    return patiently(this.bus, `reading call '${requestId}'`, () => this.bucket.get(requestId));
  }

  private write(call: AcceptedCall, revision: number): Promise<number | undefined> {
    const { requestId } = call;
    const entry = { key: requestId, value: encodeCall(call), revision };
    return putPatiently(this.bus, `writing call '${requestId}'`, this.bucket, entry);
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
    const id = keyOf(name, key);
    if ((await this.write(name, id, requestId, 0)) !== undefined) return undefined;
    const entry = await patiently(this.bus, claiming(name), () => this.bucket.get(id));
    return entry === null ? this.claim(name, key, requestId) : entryOf(entry);
  }

  async takeOver(name: string, key: string, requestId: string, revision: number): Promise<boolean> {
    return (await this.write(name, keyOf(name, key), requestId, revision)) !== undefined;
  }

  private write(
    name: string,
    key: string,
    requestId: string,
    revision: number,
  ): Promise<number | undefined> {
    const entry = { key, value: Buffer.from(requestId), revision };
    return putPatiently(this.bus, claiming(name), this.bucket, entry);
  }
}

const claiming = (name: string): string => `claiming a dedupe key of '${name}'`;

function entryOf(entry: KvEntry): DedupeEntry {
  const { revision, created } = entry;
  return { requestId: entry.string(), claimedAtMs: created.getTime(), revision };
}

/** Keys are the callers' own texts; a function has no "." in its name. */
function keyOf(name: string, key: string): string {
  return `${name}.${createHash("sha256").update(key).digest("hex")}`;
}
