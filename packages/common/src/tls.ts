/**
 * TLS between processes: who is trusted and who one is, from three files that are read again when they
 * change, so that certificates are replaced without a restart.
 */
import { join } from "node:path";
import { credentials, experimental, ServerCredentials } from "@grpc/grpc-js";
import type { ChannelCredentials } from "@grpc/grpc-js";

/** PEM files. */
export interface TlsFiles {
  /** Who is trusted. */
  readonly caFile: string;
  /** Who this process is: to NATS a user, to its peers a service. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** After a change it takes effect on new connections within so long. */
export const tlsRefreshMs = 5_000;

export function tlsFilesIn(folder: string): TlsFiles {
  return {
    caFile: join(folder, "ca.pem"),
    certFile: join(folder, "cert.pem"),
    keyFile: join(folder, "key.pem"),
  };
}

/** Plain text without files. */
export function clientCredentials(files: TlsFiles | undefined): ChannelCredentials {
  if (files === undefined) return credentials.createInsecure();
  const provider = watch(files);
  return experimental.createCertificateProviderChannelCredentials(provider, provider);
}

/**
 * Plain text without files.
 * @param peers whether callers must show a certificate of the same authority
 */
export function serverCredentials(
  files: TlsFiles | undefined,
  peers: "must be known" | "may be anyone",
): ServerCredentials {
  if (files === undefined) return ServerCredentials.createInsecure();
  const provider = watch(files);
  return peers === "must be known"
    ? experimental.createCertificateProviderServerCredentials(provider, provider, true)
    : experimental.createCertificateProviderServerCredentials(provider, null, false);
}

function watch({ caFile, certFile, keyFile }: TlsFiles) {
  return new experimental.FileWatcherCertificateProvider({
    caCertificateFile: caFile,
    certificateFile: certFile,
    privateKeyFile: keyFile,
    refreshIntervalMs: tlsRefreshMs,
  });
}
