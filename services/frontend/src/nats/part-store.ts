/** Large payloads and results of accepted calls, as numbered parts in a stream: a NATS message takes 1 MiB. */
import { JetStreamApiError } from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { Bus, Storage } from "@tidepool/actors";
import { subjects } from "@tidepool/proto";
import { partMaxBytes } from "../async/limits.ts";
import type { PartStore } from "../async/ports.ts";
import { storeTimeoutMs } from "../limits.ts";
import { patiently } from "./patience.ts";
import { requireNats } from "./require-nats.ts";
import { within } from "./store-failure.ts";

const noMessage = 10_037;
/** 6 MiB through a busy server. */
const transferMaxMs = 20_000;

export class NatsPartStore implements PartStore {
  private readonly bus: Bus;
  private readonly storage: Pick<Storage, "client" | "manager">;

  constructor(bus: Bus, storage: Pick<Storage, "client" | "manager">) {
    this.bus = bus;
    this.storage = storage;
  }

  async put(requestId: string, key: string, bytes: Uint8Array): Promise<void> {
    const what = `storing ${bytes.byteLength} bytes of call '${requestId}'`;
    const subjectOf = (part: number): string => subjects.payloadPart(requestId, key, part);
    const { client } = this.storage;
    const put = (): Promise<void> => putParts(client, subjectOf, bytes, 0);
    await patiently(this.bus, what, put, transferMaxMs);
  }

  async get(requestId: string, key: string, byteCount: number): Promise<Uint8Array | undefined> {
    const what = `reading ${byteCount} bytes of call '${requestId}'`;
    const subjectOf = (part: number): string => subjects.payloadPart(requestId, key, part);
    const { manager } = this.storage;
    const { payloads } = subjects.streams;
    const get = (): Promise<Uint8Array | undefined> =>
      getParts(manager, payloads, subjectOf, byteCount, 0);
    return patiently(this.bus, what, get, transferMaxMs);
  }

  async remove(requestId: string, key: string): Promise<void> {
    const what = `removing what is kept of call '${requestId}'`;
    requireNats(this.bus, what);
    const filter = subjects.payloadParts(requestId, key);
    const purged = this.storage.manager.streams.purge(subjects.streams.payloads, { filter });
    await within(what, storeTimeoutMs, purged);
  }
}

/** @param first number of the first part */
export async function putParts(
  client: Pick<JetStreamClient, "publish">,
  subjectOf: (part: number) => string,
  bytes: Uint8Array,
  first: number,
): Promise<void> {
  const writes: Promise<unknown>[] = [];
  for (let at = 0, part = first; at < bytes.byteLength; at += partMaxBytes, part++) {
    writes.push(client.publish(subjectOf(part), bytes.subarray(at, at + partMaxBytes)));
  }
  await Promise.all(writes);
}

/** Undefined when one of them is missing. */
export async function getParts(
  manager: JetStreamManager,
  stream: string,
  subjectOf: (part: number) => string,
  byteCount: number,
  first: number,
): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let missing = byteCount;
  for (let part = first; missing > 0; part++) {
    const found = await lastMessage(manager, stream, subjectOf(part));
    if (found === undefined) return undefined;
    parts.push(found);
    missing -= found.byteLength;
  }
  return missing < 0 ? undefined : Buffer.concat(parts);
}

async function lastMessage(
  manager: JetStreamManager,
  stream: string,
  subject: string,
): Promise<Uint8Array | undefined> {
  try {
    return (await manager.streams.getMessage(stream, { last_by_subj: subject }))?.data;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === noMessage) return undefined;
    throw error;
  }
}
