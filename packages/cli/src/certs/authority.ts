/** A certificate authority of one cluster, and what it says of each process: who it is and where. */
import "reflect-metadata"; // what @peculiar/x509 is built on asks for it, before all else
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { JsonGeneralName } from "@peculiar/x509";
import { TidepoolError } from "@tidepool/common";

cryptoProvider.set(globalThis.crypto);

/** A certificate and its key, PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface IssueRequest {
  /** As "h-1.host.tidepool": a name in no DNS, by which NATS and peers know the process. */
  readonly name: string;
  /** Addresses and DNS names at which it is reached. */
  readonly addresses: readonly string[];
  readonly days: number;
}

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;
/** Clocks of two machines may differ. */
const backdatedMs = 300_000;

export async function createAuthority(name: string, days: number): Promise<Identity> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    ...validity(days),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** For both ends of a connection: services are servers and clients. */
export async function issue(authority: Identity, request: IssueRequest): Promise<Identity> {
  const { name, addresses, days } = request;
  const issuer = new X509Certificate(authority.certificate);
  const keys = await generateKeys();
  const names: JsonGeneralName[] = [name, ...addresses].map((value) => ({
    type: isIP(value) === 0 ? "dns" : "ip",
    value,
  }));
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: issuer.subject,
    ...validity(days),
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension(names),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** When a certificate ends, milliseconds since 1970 UTC. @throws TidepoolError `invalid` */
export function expiresAtMs(certificate: string): number {
  try {
    return new X509Certificate(certificate).notAfter.getTime();
  } catch (error) {
    throw new TidepoolError("invalid", "not a certificate in PEM", { cause: error });
  }
}

function validity(days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const nowMs = Date.now();
  return {
    notBefore: new Date(nowMs - backdatedMs),
    notAfter: new Date(nowMs + days * dayMs),
  };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = PemConverter.decodeFirst(pem);
  return webcrypto.subtle.importKey("pkcs8", bytes, algorithm, false, ["sign"]);
}
