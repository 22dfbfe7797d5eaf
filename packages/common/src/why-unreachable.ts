/** Why no connection stands, out of what gRPC says of its last attempt: TLS fails in ways that look like silence. */

export interface Unreachable {
  readonly why: string;
  /** Whether another choice of TLS, or of who is trusted, is what helps. */
  readonly isTls: boolean;
}

const causes: readonly (readonly [says: RegExp, why: string, isTls: boolean])[] = [
  [/ALTNAME_INVALID/, "its certificate is not for this address", true],
  [/has expired|HAS_EXPIRED/, "its certificate has expired", true],
  [/not yet valid|NOT_YET_VALID/, "its certificate does not hold yet", true],
  [
    /unable to (verify|get)|self.signed|signature failure|UNABLE_TO|CERT_/i,
    "its certificate is of nobody who is trusted here",
    true,
  ],
  [/wrong version number|packet length too long/, "it speaks plain text, and no TLS", true],
  [/ECONNREFUSED/, "the connection is refused", false],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, "there is no such name", false],
  [/EHOSTUNREACH|ENETUNREACH/, "there is no way there", false],
];

/** Who shows a certificate; a server that wants none of its callers cannot refuse one. */
export type CertificatesShown = "none" | "server's" | "both";

/** @param details of a call's status; undefined where it tells nothing */
export function whyUnreachable(
  details: string,
  certificates: CertificatesShown,
): Unreachable | undefined {
  const found = causes.find(([says]) => says.test(details));
  if (found !== undefined) return { why: found[1], isTls: found[2] };
  // A server ends a connection without a word in plain text, or after the handshake, when it does not take who calls.
  if (!/Failed to connect|Connection dropped|socket hang up|ECONNRESET/.test(details))
    return undefined;
  if (certificates === "none") {
    return { why: "it ended the connection: it may want TLS", isTls: true };
  }
  return certificates === "both"
    ? { why: "it ended the connection: it may not take the certificate of who calls", isTls: true }
    : undefined;
}
