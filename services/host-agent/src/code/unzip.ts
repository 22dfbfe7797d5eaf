/**
 * A zip as the list of its files, for a guest that is not trusted and an author who may be careless: every
 * limit is checked against what is really read, not against what the zip claims.
 */
import { fromBuffer, getFileNameLowLevel } from "yauzl";
import type { Entry, ZipFile } from "yauzl";
import { faultOfZipPath, messageOf, TidepoolError } from "@tidepool/common";
import type { CodeFile } from "../guest/session.ts";

export const unzippedMaxBytes = 250 * 1024 * 1024;
export const fileCountMax = 20_000;
/** Longest path of a file, bytes. */
export const pathMaxBytes = 1_024;

const fileTypeMask = 0o170000;
const symlinkType = 0o120000;
const directoryType = 0o040000;
const regularType = 0o100000;
const permissionMask = 0o777;
const fileModeDefault = 0o644;

/** @throws TidepoolError `invalid` when it is no zip or holds what it must not; `tooLarge` over a limit */
export async function unzip(
  zip: Buffer,
  bytesMax: number = unzippedMaxBytes,
): Promise<readonly CodeFile[]> {
  const archive = await open(zip);
  if (archive.entryCount > fileCountMax) {
    throw new TidepoolError(
      "tooLarge",
      `code has ${archive.entryCount} files, at most ${fileCountMax} are allowed`,
    );
  }
  const files: CodeFile[] = [];
  let bytesLeft = bytesMax;
  await eachEntry(archive, async (entry) => {
    const path = pathOf(entry);
    const mode = entry.externalFileAttributes >>> 16;
    check(path, mode, entry.isEncrypted());
    if (path.endsWith("/") || (mode & fileTypeMask) === directoryType) return;
    const content = await read(archive, entry, bytesLeft, bytesMax);
    bytesLeft -= content.length;
    files.push({
      path,
      mode: (mode & permissionMask) === 0 ? fileModeDefault : mode & permissionMask,
      content,
    });
  });
  return files;
}

/** Strictly as it stands in the zip: a backslash is not turned into a slash. */
function pathOf(entry: Entry): string {
  const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
  return getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
}

function check(path: string, mode: number, isEncrypted: boolean): void {
  const type = mode & fileTypeMask;
  if (type === symlinkType) throw new TidepoolError("invalid", `code has a symlink: '${path}'`);
  if (type !== 0 && type !== regularType && type !== directoryType) {
    throw new TidepoolError("invalid", `code has a special file: '${path}'`);
  }
  if (isEncrypted) throw new TidepoolError("invalid", `code is encrypted: '${path}'`);
  if (Buffer.byteLength(path) > pathMaxBytes) {
    throw new TidepoolError("invalid", `code has a path longer than ${pathMaxBytes} bytes`);
  }
  const fault = faultOfZipPath(path);
  if (fault !== undefined) {
    throw new TidepoolError("invalid", `code holds a path ${fault}: ${path}`);
  }
}

function open(zip: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    // Names are decoded and checked here, so that the error is ours and says which file.
    const options = { lazyEntries: true, decodeStrings: false };
    fromBuffer(zip, options, (error, archive) => {
      if (error === null && archive !== undefined) resolve(archive);
      else reject(invalid(error));
    });
  });
}

function eachEntry(archive: ZipFile, visit: (entry: Entry) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.on("error", (error: unknown) => reject(invalid(error)));
    archive.on("end", () => resolve());
    archive.on("entry", (entry: Entry) => {
      visit(entry).then(() => archive.readEntry(), reject);
    });
    archive.readEntry();
  });
}

function read(
  archive: ZipFile,
  entry: Entry,
  bytesLeft: number,
  bytesMax: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    archive.openReadStream(entry, (error, stream) => {
      if (error !== null || stream === undefined) return reject(invalid(error));
      const chunks: Buffer[] = [];
      let size = 0;
      stream.on("data", (chunk: Buffer) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size > bytesLeft) stream.destroy(tooLarge(bytesMax));
      });
      stream.on("error", (failure) => reject(invalid(failure)));
      stream.on("end", () => resolve(Buffer.concat(chunks, size)));
    });
  });
}

const tooLarge = (bytesMax: number): TidepoolError =>
  new TidepoolError("tooLarge", `code unzips to more than ${bytesMax} bytes`);

function invalid(cause: unknown): TidepoolError {
  if (cause instanceof TidepoolError) return cause;
  return new TidepoolError("invalid", `code is no zip that can be read: ${messageOf(cause)}`, {
    cause,
  });
}
