/** How a process reaches NATS and its peers, from the environment; the same variables for every service. */
import { tlsFilesIn } from "@tidepool/common";
import type { ConfigReader, TlsFiles } from "@tidepool/common";

export interface BusSettings {
  /** "nats://host:port", several separated by commas. */
  readonly servers: string;
  /** Copies of each stream, bucket and object: 3 on a cluster of three servers. */
  readonly replicas: number;
  /** Absent: plain text, for one machine. */
  readonly tls?: TlsFiles;
}

const replicasMax = 5;

/** TIDEPOOL_NATS_URL, TIDEPOOL_NATS_REPLICAS and TIDEPOOL_TLS_DIR, a folder with ca.pem, cert.pem and key.pem. */
export function readBusSettings(read: ConfigReader): BusSettings {
  const folder = read.optional("TIDEPOOL_TLS_DIR");
  return {
    servers: read.text("TIDEPOOL_NATS_URL", "nats://127.0.0.1:4222"),
    replicas: read.integer("TIDEPOOL_NATS_REPLICAS", 1, { min: 1, max: replicasMax }),
    ...(folder === undefined || folder === "" ? {} : { tls: tlsFilesIn(folder) }),
  };
}
