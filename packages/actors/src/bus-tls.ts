/** Who this process is to NATS, by its certificate, and whom it takes for a nats-server. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { checkServerIdentity as checkHostIdentity } from "node:tls";
import type { PeerCertificate } from "node:tls";
import type { CertificateEnd, TlsFiles } from "@tidepool/common";
import { identityIn, isIdentityOf, systemClock, TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";

/**
 * Replies to each process have subjects of its own, so that no other may hear them.
 * @throws TidepoolError `unavailable` where its certificate does not hold now, with which no server takes it
 */
export async function inboxPrefixOf(tls: TlsFiles | undefined): Promise<string | undefined> {
  if (tls === undefined) return undefined;
  // A file that cannot be read is told of when the connection is made.
  const text = await readFile(tls.certFile).catch(() => undefined);
  if (text === undefined) return undefined;
  const { validFrom, validTo, subjectAltName = "" } = new X509Certificate(text);
  const nowMs = systemClock.nowMs();
  if (Date.parse(validTo) <= nowMs) throw doesNotHold(tls, `has expired on ${validTo}`);
  if (Date.parse(validFrom) > nowMs) throw doesNotHold(tls, `holds only from ${validFrom} on`);
  const identity = identityIn(subjectAltName);
  return identity === undefined ? undefined : subjects.inboxesOf(identity);
}

function doesNotHold({ certFile }: TlsFiles, why: string): TidepoolError {
  return new TidepoolError(
    "unavailable",
    `the certificate ${certFile} ${why}: issue it again with tidepool certs`,
  );
}

/**
 * Who answers must be a nats-server by its certificate: another process of the cluster has one of the same
 * authority. The name is checked and not the address, which the client does not know where it is a number.
 * @param seen is told when the certificate of each nats-server ends
 */
export function serverIdentityCheck(seen: (end: CertificateEnd) => void) {
  return (host: string, certificate: PeerCertificate): Error | undefined => {
    const names = certificate.subjectaltname ?? "";
    if (!isIdentityOf("nats", names)) return checkHostIdentity(host, certificate);
    const who = identityIn(names)?.id ?? host;
    seen({ of: `nats-server ${who}`, endsAtMs: Date.parse(certificate.valid_to) });
    return undefined;
  };
}
