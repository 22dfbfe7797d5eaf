/**
 * What libvirt answers when it refuses, as a TidepoolError: our code decides behaviour, libvirt's own text
 * is kept word for word behind what we were doing.
 */
import { TidepoolError, type Code } from "@tidepool/common";
import { readDomain } from "./remote-domain.ts";
import { errorNumbers } from "./protocol.ts";
import type { XdrReader } from "./xdr.ts";

/** Body of a reply whose status is "error" (virNetMessageError). */
export function readRemoteError(reader: XdrReader, doing: string): TidepoolError {
  const libvirtCode = reader.int();
  const libvirtDomain = reader.int();
  const text = reader.optional(() => reader.string()) ?? `error ${libvirtCode} without a text`;
  reader.int();
  const domainName = reader.optional(() => readDomain(reader))?.name;
  return new TidepoolError(codeFor(libvirtCode), `${doing}: libvirt says '${text.trim()}'`, {
    details: { libvirtCode, libvirtDomain, domainName },
  });
}

function codeFor(libvirtCode: number): Code {
  switch (libvirtCode) {
    case errorNumbers.noDomain:
      return "notFound";
    case errorNumbers.domainExists:
      return "alreadyExists";
    case errorNumbers.operationInvalid:
      return "wrongPhase";
    case errorNumbers.xmlError:
    case errorNumbers.xmlDetail:
    case errorNumbers.xmlInvalidSchema:
    case errorNumbers.configUnsupported:
      return "invalid";
    default:
      return "unavailable";
  }
}
