/** The frontend's configuration, read once from the environment. */
import { readBusSettings } from "@tidepool/actors";
import type { BusSettings } from "@tidepool/actors";
import { logLevels, readEnvironment, tlsFilesIn } from "@tidepool/common";
import type { LogLevel, TlsFiles } from "@tidepool/common";
import { subjects } from "@tidepool/proto";

export interface FrontendConfig {
  readonly nats: BusSettings;
  readonly logLevel: LogLevel;
  /** Absent: callers come in plain text. */
  readonly doorTls?: TlsFiles;
  /** host:port to listen on; port 0 takes a free one. */
  readonly address: string;
  /** The same for function URLs, over HTTP; "off" for none. */
  readonly httpAddress: string;
  /** The same in every process of a cluster, and for its whole life. */
  readonly shardCount: number;
  /** Keys for secrets; without it no secret can be set. */
  readonly secretsKeyFile: string | undefined;
  /** on: every call needs a token. */
  readonly auth: "off" | "on";
  /** A token of the operator's that is kept nowhere else; the first ones are made with it. */
  readonly adminTokenFile: string | undefined;
}

export function readConfig(env: NodeJS.ProcessEnv): FrontendConfig {
  const doorFolder = env["TIDEPOOL_FRONTEND_TLS_DIR"] ?? "";
  return readEnvironment(env, (reader) => ({
    ...(doorFolder === "" ? {} : { doorTls: tlsFilesIn(doorFolder) }),
    nats: readBusSettings(reader),
    logLevel: reader.oneOf("TIDEPOOL_LOG_LEVEL", "info", logLevels),
    address: reader.text("TIDEPOOL_FRONTEND_ADDRESS", "127.0.0.1:7070"),
    httpAddress: reader.text("TIDEPOOL_HTTP_ADDRESS", "127.0.0.1:7080"),
    shardCount: reader.integer("TIDEPOOL_SHARD_COUNT", subjects.shardCountDefault, {
      min: 1,
      max: 1024,
    }),
    secretsKeyFile: reader.optional("TIDEPOOL_SECRETS_KEY_FILE"),
    auth: reader.oneOf("TIDEPOOL_AUTH", "off", ["off", "on"] as const),
    adminTokenFile: reader.optional("TIDEPOOL_ADMIN_TOKEN_FILE"),
  }));
}
