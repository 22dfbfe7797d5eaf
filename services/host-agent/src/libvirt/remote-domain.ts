/** How libvirt names a domain on the wire (remote_nonnull_domain): it goes out exactly as it came in. */
import type { XdrReader, XdrWriter } from "./xdr.ts";

const uuidBytes = 16;

export interface RemoteDomain {
  readonly name: string;
  readonly uuid: Buffer;
  /** Number of this incarnation while it runs, -1 otherwise. */
  readonly id: number;
}

export function readDomain(reader: XdrReader): RemoteDomain {
  // Copied out: the packet that it came in may be large.
  return { name: reader.string(), uuid: Buffer.from(reader.opaque(uuidBytes)), id: reader.int() };
}

export function writeDomain(writer: XdrWriter, domain: RemoteDomain): XdrWriter {
  return writer.string(domain.name).opaque(domain.uuid).int(domain.id);
}
