/**
 * Checks an uploaded zip before it is stored: it is one, it unpacks whole, within its limits and only inside
 * its own folder, and the handler's file is in it. Every file is unpacked once and thrown away, part by part,
 * because a zip's directory may lie about sizes and content may be damaged.
 */
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { crc32, inflateRawSync } from "node:zlib";
import { fromBufferPromise, getFileNameLowLevel } from "yauzl";
import type { Entry, ZipFile } from "yauzl";
import { faultOfZipPath, messageOf, TidepoolError } from "@tidepool/common";
import {
  codeEntriesMaxCount,
  codeUnpackedMaxBytes,
  pathMaxBytes,
  pathPartMaxBytes,
} from "../limits.ts";
import { filesOfHandler } from "./handler.ts";

/** The kind of file in a Unix mode, which a zip keeps in the upper half of its attributes. */
const typeMask = 0o170000;
const linkType = 0o120000;
const folderType = 0o040000;
const fileType = 0o100000;
const slash = "/".charCodeAt(0);
/** Entries read before other calls get their turn. */
const entriesAtOnce = 256;
/** Method of compression. */
const deflated = 8;
/** Files up to this, packed and unpacked, are read in one piece, bytes. */
const smallMaxBytes = 64 * 1024;
/** Most bytes of UTF-8 for one character of a string. */
const utf8MaxBytes = 3;
/** Of a long path, what a message shows, characters. */
const pathShownLength = 80;

interface Member {
  readonly entry: Entry;
  /** Without the slash at the end of a folder's. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** @throws TidepoolError `invalid` or `tooLarge`, naming the entry and the limit */
export async function checkCodeZip(
  zip: Uint8Array,
  { runtime, handler }: { readonly runtime: string; readonly handler: string },
): Promise<void> {
  const file = await openZip(zip);
  try {
    const members = await readDirectory(file);
    checkSizes(members, zip.byteLength);
    checkPaths(members);
    const files = members.filter(({ isFolder }) => !isFolder);
    checkHandler(new Set(files.map(({ path }) => path)), runtime, handler);
    let bytesLeft = codeUnpackedMaxBytes;
    for (const member of files) bytesLeft -= await unpack(file, zip, member, bytesLeft);
  } finally {
    file.close();
  }
}

async function openZip(zip: Uint8Array): Promise<ZipFile> {
  const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  try {
    // Paths are decoded and checked here, so that a bad one is named as it stands in the zip.
    const options = { lazyEntries: true, autoClose: false, decodeStrings: false };
    return await fromBufferPromise(bytes, options);
  } catch (error) {
    throw new TidepoolError("invalid", "code is not a zip file", { cause: error });
  }
}

async function readDirectory(file: ZipFile): Promise<readonly Member[]> {
  if (file.entryCount > codeEntriesMaxCount) {
    throw new TidepoolError(
      "tooLarge",
      `code zip has ${file.entryCount} entries, the limit is ${codeEntriesMaxCount}`,
    );
  }
  const members: Member[] = [];
  try {
    for await (const entry of file.eachEntry()) {
      members.push(toMember(entry));
      if (members.length % entriesAtOnce === 0) await turn();
    }
  } catch (error) {
    if (error instanceof TidepoolError) throw error;
    throw new TidepoolError("invalid", `code zip cannot be unpacked: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return members;
}

/** Entries that share bytes could each be small and take hours together. */
function checkSizes(members: readonly Member[], zipBytes: number): void {
  let packed = 0;
  let unpacked = 0;
  for (const { entry } of members) {
    packed += entry.compressedSize;
    unpacked += entry.uncompressedSize;
  }
  if (unpacked > codeUnpackedMaxBytes) throw unpacksTo(unpacked);
  if (packed > zipBytes) {
    throw new TidepoolError(
      "invalid",
      `code zip has entries of ${packed} bytes in a file of ${zipBytes} bytes`,
    );
  }
}

/** @throws TidepoolError `invalid` for what could be unpacked outside its folder, or is no file */
function toMember(entry: Entry): Member {
  const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
  const name = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
  checkLengths(name);
  const fault = faultOfZipPath(name);
  if (fault !== undefined) {
    throw new TidepoolError("invalid", `code zip holds a path ${fault}: ${name}`);
  }
  if (entry.isEncrypted()) {
    throw new TidepoolError("invalid", `code zip entry '${name}' is encrypted`);
  }
  const type = (entry.externalFileAttributes >>> 16) & typeMask;
  if (type === linkType) {
    throw new TidepoolError("invalid", `code zip has a symbolic link: '${name}'`);
  }
  if (type !== 0 && type !== fileType && type !== folderType) {
    throw new TidepoolError("invalid", `code zip has a special file: '${name}'`);
  }
  const isFolder = name.endsWith("/");
  return { entry, path: isFolder ? name.slice(0, -1) : name, isFolder };
}

function checkLengths(name: string): void {
  const tooLong = (what: string, text: string, limit: number): TidepoolError => {
    const start = text.slice(0, pathShownLength);
    return new TidepoolError(
      "invalid",
      `code zip ${what} '${start}…' is longer than the limit of ${limit} bytes`,
    );
  };
  if (Buffer.byteLength(name) > pathMaxBytes) throw tooLong("path", name, pathMaxBytes);
  if (name.length * utf8MaxBytes <= pathPartMaxBytes) return;
  for (const part of name.split("/")) {
    if (part.length * utf8MaxBytes <= pathPartMaxBytes) continue;
    if (Buffer.byteLength(part) > pathPartMaxBytes) {
      throw tooLong("path part", part, pathPartMaxBytes);
    }
  }
}

/** @throws TidepoolError `invalid` when two members cannot both be unpacked */
function checkPaths(members: readonly Member[]): void {
  const keyed = members.map((member) => ({ ...member, key: keyOf(member.path) }));
  keyed.sort((a, b) => Buffer.compare(a.key, b.key));
  for (const [index, { key, path, isFolder }] of keyed.entries()) {
    const next = keyed[index + 1];
    if (next?.key.subarray(0, key.length).equals(key) !== true) continue;
    if (next.key.length === key.length) {
      throw new TidepoolError("invalid", `code zip has '${path}' twice`);
    }
    if (!isFolder && next.key[key.length] === 0) {
      throw new TidepoolError(
        "invalid",
        `code zip has '${path}' as a file and as the folder of '${next.path}'`,
      );
    }
  }
}

/** Sorts what is in a folder directly after the folder itself: 0, which no path has, for the slash. */
function keyOf(path: string): Buffer {
  const key = Buffer.from(path);
  for (let at = key.indexOf(slash); at >= 0; at = key.indexOf(slash, at + 1)) key[at] = 0;
  return key;
}

/** The bytes of one file. Fails when they are not those that the directory tells of. */
async function unpack(
  file: ZipFile,
  zip: Uint8Array,
  { entry, path }: Member,
  bytesMax: number,
): Promise<number> {
  let content;
  try {
    const isSmall = Math.max(entry.compressedSize, entry.uncompressedSize) <= smallMaxBytes;
    content =
      isSmall && entry.compressionMethod === deflated
        ? await inflateAtOnce(file, zip, entry)
        : await readParts(file, entry, bytesMax);
  } catch (error) {
    if (error instanceof TidepoolError) throw error;
    throw new TidepoolError(
      "invalid",
      `code zip entry '${path}' cannot be unpacked: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (content.checksum !== entry.crc32 || content.bytes !== entry.uncompressedSize) {
    throw new TidepoolError(
      "invalid",
      `code zip entry '${path}' is damaged: its content does not match its checksum`,
    );
  }
  return content.bytes;
}

interface Content {
  readonly bytes: number;
  readonly checksum: number;
}

/** Many times faster for a small file than its streams, in a time that no other call notices. */
async function inflateAtOnce(file: ZipFile, zip: Uint8Array, entry: Entry): Promise<Content> {
  const { fileDataStart } = await file.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = zip.subarray(fileDataStart, fileDataStart + entry.compressedSize);
  // One more than it may have, so that an empty file has a limit that zlib takes.
  const content = inflateRawSync(packed, { maxOutputLength: entry.uncompressedSize + 1 });
  return { bytes: content.length, checksum: crc32(content) };
}

async function readParts(file: ZipFile, entry: Entry, bytesMax: number): Promise<Content> {
  let checksum = 0;
  let bytes = 0;
  const counted = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      checksum = crc32(chunk, checksum);
      bytes += chunk.length;
      done(bytes > bytesMax ? unpacksTo(codeUnpackedMaxBytes - bytesMax + bytes) : null);
    },
  });
  await pipeline(await file.openReadStreamPromise(entry), counted);
  return { bytes, checksum };
}

function unpacksTo(bytes: number): TidepoolError {
  return new TidepoolError(
    "tooLarge",
    `code zip unpacks to ${bytes} bytes, the limit is ${codeUnpackedMaxBytes}`,
  );
}

function checkHandler(names: ReadonlySet<string>, runtime: string, handler: string): void {
  const wanted = filesOfHandler(runtime, handler) ?? [];
  if (wanted.some((name) => names.has(name))) return;
  const text = `code zip has no file for handler ${handler}: ${wanted.join(", ")}`;
  throw new TidepoolError("invalid", text);
}
