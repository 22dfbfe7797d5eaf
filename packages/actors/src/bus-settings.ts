/** How a process reaches NATS and its peers, from the environment; the same variables for every service. */
import { tlsFilesIn } from "@tidepool/common";
import type { ConfigReader, TlsFiles } from "@tidepool/common";

export interface BusSettings {
  /** "nats://host:port", several separated by commas. */
  readonly servers: string;
  /** Copies of each stream, bucket and object: 3 on a cluster of three servers. */
  readonly replicas: number;
  /** What functions printed is kept so long, and no more than so many bytes. */
  readonly logsKeptMs: number;
  readonly logsBytesMax: number;
  /** Absent: plain text, for one machine. */
  readonly tls?: TlsFiles;
}

const replicasMax = 5;
const hourMs = 3_600_000;
const mib = 1024 * 1024;
export const logsKeptHoursDefault = 24;
export const logsMaxMibDefault = 256;

/** TIDEPOOL_NATS_URL, TIDEPOOL_NATS_REPLICAS, TIDEPOOL_LOGS_KEPT_HOURS, TIDEPOOL_LOGS_MAX_MIB and TIDEPOOL_TLS_DIR, a folder with ca.pem, cert.pem and key.pem. */
export function readBusSettings(read: ConfigReader): BusSettings {
  const folder = read.optional("TIDEPOOL_TLS_DIR");
  return {
    servers: read.text("TIDEPOOL_NATS_URL", "nats://127.0.0.1:4222"),
    replicas: read.integer("TIDEPOOL_NATS_REPLICAS", 1, { min: 1, max: replicasMax }),
    logsKeptMs:
      hourMs *
      read.integer("TIDEPOOL_LOGS_KEPT_HOURS", logsKeptHoursDefault, { min: 1, max: 8_760 }),
    logsBytesMax:
      mib * read.integer("TIDEPOOL_LOGS_MAX_MIB", logsMaxMibDefault, { min: 16, max: 1_048_576 }),
    ...(folder === undefined || folder === "" ? {} : { tls: tlsFilesIn(folder) }),
  };
}
