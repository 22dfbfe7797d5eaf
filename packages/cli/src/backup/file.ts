/**
 * A backup as a file: records one after the other, each a head in JSON and bytes, both with their length
 * before them (4 bytes, little endian). The first names the format; the last has the SHA-256 of all before
 * it, so a file that was cut short or changed is known before anything is done with it.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, open, rename, rm } from "node:fs/promises";
import type { KeptRecord } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { z } from "zod";
import { unreadable, unwritable } from "../files/given-file.ts";

/** To be raised when an earlier version could not read what is written. */
export const backupVersion = 1;
const format = "tidepool-backup";
const lengthBytes = 4;
const headMaxBytes = 64 * 1024;
/** NATS's own largest message. */
const dataMaxBytes = 64 * 1024 * 1024;

const headSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("begin"),
    format: z.literal(format),
    version: z.number().int(),
    takenAt: z.string(),
  }),
  z.object({
    kind: z.literal("stream"),
    name: z.string(),
    firstSequence: z.number().int(),
    lastSequence: z.number().int(),
  }),
  z.object({
    kind: z.literal("message"),
    subject: z.string(),
    sequence: z.number().int(),
    headers: z.record(z.string(), z.array(z.string()).readonly()).readonly(),
  }),
  z.object({ kind: z.literal("end"), messageCount: z.number().int(), sha256: z.string() }),
]);

type Head = z.infer<typeof headSchema>;

export interface Written {
  readonly messageCount: number;
  readonly bytes: number;
}

/** The file is there complete or not at all; only its owner may read it, since it has everybody's code. */
export async function writeBackup(
  path: string,
  takenAtMs: number,
  records: AsyncIterable<KeptRecord>,
): Promise<Written> {
  const part = `${path}.part`;
  const written = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw unwritable(path, error);
    });
  const hash = createHash("sha256");
  let bytes = 0;
  let messageCount = 0;
  try {
    const file = await written(open(part, "w", 0o600));
    try {
      const put = async (head: Head, data: Uint8Array = new Uint8Array()): Promise<void> => {
        const encoded = encodeRecord(head, data);
        hash.update(encoded);
        bytes += encoded.length;
        await written(file.writeFile(encoded));
      };
      const takenAt = new Date(takenAtMs).toISOString();
      await put({ kind: "begin", format, version: backupVersion, takenAt });
      for await (const { head, data } of records) {
        if (head.kind === "message") messageCount += 1;
        await put(head, data);
      }
      await put({ kind: "end", messageCount, sha256: hash.copy().digest("hex") });
      await written(file.sync());
    } finally {
      await file.close();
    }
    await written(chmod(part, 0o600));
    await written(rename(part, path));
    return { messageCount, bytes };
  } finally {
    await rm(part, { force: true });
  }
}

/** @throws TidepoolError `invalid` where the file is not a whole backup, at the latest after its last record */
export async function* readBackup(path: string): AsyncGenerator<KeptRecord> {
  const hash = createHash("sha256");
  let isFirst = true;
  let messageCount = 0;
  let isComplete = false;
  for await (const { head, data, encoded } of rawRecords(path)) {
    if (isFirst !== (head.kind === "begin") || isComplete)
      throw damaged(path, "records out of order");
    isFirst = false;
    if (head.kind === "begin") checkVersion(path, head.version);
    else if (head.kind === "end") {
      if (head.sha256 !== hash.digest("hex") || head.messageCount !== messageCount)
        throw damaged(path, "its checksum is another");
      isComplete = true;
      continue;
    } else yield { head, data };
    if (head.kind === "message") messageCount += 1;
    hash.update(encoded);
  }
  if (!isComplete) throw damaged(path, "it ends too early");
}

function checkVersion(path: string, version: number): void {
  if (version <= backupVersion) return;
  const text = `${path} is a backup of version ${version}, this command reads up to ${backupVersion}`;
  throw new TidepoolError("invalid", text);
}

function encodeRecord(head: Head, data: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  return Buffer.concat([length(text.length), text, length(data.length), data]);
}

function length(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(lengthBytes);
  buffer.writeUInt32LE(bytes);
  return buffer;
}

interface RawRecord {
  readonly head: Head;
  readonly data: Uint8Array;
  readonly encoded: Uint8Array;
}

async function* rawRecords(path: string): AsyncGenerator<RawRecord> {
  let pending: Buffer = Buffer.alloc(0);
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
      pending = Buffer.concat([pending, piece as Buffer]);
      for (;;) {
        const record = cut(path, pending);
        if (record === undefined) break;
        pending = pending.subarray(record.encoded.length);
        yield record;
      }
    }
  } catch (error) {
    throw error instanceof TidepoolError ? error : unreadable(path, error);
  }
  if (pending.length > 0) throw damaged(path, "it ends within a record");
}

/** Undefined while it is not all there. */
function cut(path: string, bytes: Buffer): RawRecord | undefined {
  if (bytes.length < lengthBytes) return undefined;
  const headEnd = lengthBytes + limited(path, bytes.readUInt32LE(0), headMaxBytes);
  const dataStart = headEnd + lengthBytes;
  if (bytes.length < dataStart) return undefined;
  const end = dataStart + limited(path, bytes.readUInt32LE(headEnd), dataMaxBytes);
  if (bytes.length < end) return undefined;
  const head = readHead(path, bytes.toString("utf8", lengthBytes, headEnd));
  return { head, data: bytes.subarray(dataStart, end), encoded: bytes.subarray(0, end) };
}

function limited(path: string, bytes: number, maxBytes: number): number {
  if (bytes <= maxBytes) return bytes;
  throw damaged(path, `a record of ${bytes} bytes, limit is ${maxBytes}`);
}

function readHead(path: string, text: string): Head {
  try {
    return headSchema.parse(JSON.parse(text));
  } catch (thrown) {
    throw damaged(path, "a record that cannot be read", thrown);
  }
}

function damaged(path: string, why: string, cause?: unknown): TidepoolError {
  return new TidepoolError("invalid", `${path} is not a whole backup: ${why}`, { cause });
}
