/**
 * Checks an uploaded zip before it is stored: it is one, it unpacks within its limits and only inside its
 * own folder, and the handler's file is in it. Every file is unpacked once and thrown away, because a zip's
 * directory may lie about sizes.
 */
import { posix } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fromBufferPromise } from "yauzl";
import type { Entry, ZipFile } from "yauzl";
import { messageOf, TidepoolError } from "@tidepool/common";
import { codeEntriesMaxCount, codeUnpackedMaxBytes, pathMaxBytes } from "../limits.ts";
import { splitHandler } from "./settings.ts";

/** Endings that a handler's file may have, in the order in which a runtime looks for them. */
export const handlerEndings = [".js", ".mjs", ".cjs"] as const;

/** The kind of file in a Unix mode, which a zip keeps in the upper half of its attributes. */
const typeMask = 0o170000;
const linkType = 0o120000;
const folderType = 0o040000;
const fileType = 0o100000;

/** @throws TidepoolError `invalid` or `tooLarge`, naming the entry and the limit */
export async function checkCodeZip(zip: Uint8Array, handler: string): Promise<void> {
  const file = await openZip(zip);
  try {
    checkHandler(await readEntries(file), handler);
  } finally {
    file.close();
  }
}

async function openZip(zip: Uint8Array): Promise<ZipFile> {
  const bytes = Buffer.from(zip.buffer, zip.byteOffset, zip.byteLength);
  try {
    return await fromBufferPromise(bytes, {
      lazyEntries: true,
      autoClose: false,
      strictFileNames: true,
    });
  } catch (error) {
    throw new TidepoolError("invalid", `code is not a zip: ${messageOf(error)}`, { cause: error });
  }
}

/** The paths of all files. */
async function readEntries(file: ZipFile): Promise<ReadonlySet<string>> {
  if (file.entryCount > codeEntriesMaxCount) {
    throw new TidepoolError(
      "tooLarge",
      `code zip has ${file.entryCount} entries, the limit is ${codeEntriesMaxCount}`,
    );
  }
  const entries = await listEntries(file);
  const bytes = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  if (bytes > codeUnpackedMaxBytes) {
    throw new TidepoolError(
      "tooLarge",
      `code zip unpacks to ${bytes} bytes, the limit is ${codeUnpackedMaxBytes}`,
    );
  }
  const names = new Set<string>();
  for (const entry of entries) {
    const name = posix.normalize(entry.fileName);
    if (name.endsWith("/")) continue;
    if (names.has(name)) throw new TidepoolError("invalid", `code zip has '${name}' twice`);
    names.add(name);
    await unpack(file, entry);
  }
  return names;
}

async function listEntries(file: ZipFile): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    for await (const entry of file.eachEntry()) {
      checkEntry(entry);
      entries.push(entry);
    }
  } catch (error) {
    if (error instanceof TidepoolError) throw error;
    // yauzl names the path: "invalid relative path: ../x", "absolute path: /x"
    throw new TidepoolError("invalid", `code zip cannot be unpacked: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return entries;
}

/** @throws TidepoolError `invalid` for what could be unpacked outside its folder, or is no file */
function checkEntry(entry: Entry): void {
  const { fileName } = entry;
  const type = (entry.externalFileAttributes >>> 16) & typeMask;
  if (Buffer.byteLength(fileName) > pathMaxBytes) {
    const start = fileName.slice(0, 80);
    throw new TidepoolError(
      "invalid",
      `code zip path '${start}…' is longer than the limit of ${pathMaxBytes} bytes`,
    );
  }
  if (entry.isEncrypted()) {
    throw new TidepoolError("invalid", `code zip entry '${fileName}' is encrypted`);
  }
  if (type === linkType) {
    throw new TidepoolError("invalid", `code zip has a symbolic link: '${fileName}'`);
  }
  if (type !== 0 && type !== fileType && type !== folderType) {
    throw new TidepoolError("invalid", `code zip has a special file: '${fileName}'`);
  }
}

/** Fails when the entry holds more or fewer bytes than it says. */
async function unpack(file: ZipFile, entry: Entry): Promise<void> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    await pipeline(await file.openReadStreamPromise(entry), nowhere);
  } catch (error) {
    throw new TidepoolError(
      "invalid",
      `code zip entry '${entry.fileName}' cannot be unpacked: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

function checkHandler(names: ReadonlySet<string>, handler: string): void {
  const { file } = splitHandler(handler);
  if (handlerEndings.some((ending) => names.has(file + ending))) return;
  const wanted = handlerEndings.map((ending) => file + ending).join(", ");
  throw new TidepoolError("invalid", `code zip has no file for handler ${handler}: ${wanted}`);
}
