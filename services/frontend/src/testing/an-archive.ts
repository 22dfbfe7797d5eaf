/** Zips for tests, byte by byte, so that they can also be wrong. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ArchiveEntry {
  readonly name: string;
  readonly content?: Uint8Array | string;
  /** Unix mode; a regular file when absent. */
  readonly mode?: number;
  /** What the directory claims, where it lies. */
  readonly claimedBytes?: number;
  readonly claimedPackedBytes?: number;
  readonly claimedChecksum?: number;
}

export const linkMode = 0o120777;
const regularMode = 0o100644;

export function anArchive(entries: readonly (ArchiveEntry | string)[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const given of entries) {
    const entry = typeof given === "string" ? { name: given, content: "export {};" } : given;
    const { local, central } = oneEntry(entry, offset);
    files.push(local);
    directory.push(central);
    offset += local.length;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, directoryBytes, end]);
}

function oneEntry(entry: ArchiveEntry, offset: number): { local: Buffer; central: Buffer } {
  const name = Buffer.from(entry.name);
  const content = Buffer.from(entry.content ?? "");
  const packed = deflateRawSync(content);
  // From "version needed" to "extra length": the same in both headers.
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(0x0800, 2);
  common.writeUInt16LE(8, 4);
  common.writeUInt32LE(entry.claimedChecksum ?? crc32(content), 10);
  common.writeUInt32LE(entry.claimedPackedBytes ?? packed.length, 14);
  common.writeUInt32LE(entry.claimedBytes ?? content.length, 18);
  common.writeUInt16LE(name.length, 22);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  central.writeUInt16LE((3 << 8) | 20, 4);
  common.copy(central, 6);
  central.writeUInt32LE(((entry.mode ?? regularMode) << 16) >>> 0, 38);
  central.writeUInt32LE(offset, 42);
  const signature = Buffer.alloc(4);
  signature.writeUInt32LE(0x04034b50, 0);
  return {
    local: Buffer.concat([signature, common, name, packed]),
    central: Buffer.concat([central, name]),
  };
}
