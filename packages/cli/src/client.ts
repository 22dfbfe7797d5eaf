/** A connection for the time of one command, and the client's end of its traces. */
import { startTelemetry } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import type { ConnectOptions } from "@tidepool/sdk";
import { readGiven } from "./files/given-file.ts";
import type { ClientOptions } from "./program/parts.ts";

/** A person waits. */
const connectTimeoutMs = 3_000;

export async function withClient<T>(
  options: Pick<ClientOptions, "address" | "tlsCa" | "tokenFile">,
  work: (client: TidepoolClient) => Promise<T>,
): Promise<T> {
  const telemetry = await startTelemetry("tidepool-cli");
  try {
    const { address } = options;
    const given = { ...(await readTls(options)), ...(await readToken(options)) };
    const client = await TidepoolClient.connect(address, { connectTimeoutMs, ...given });
    try {
      return await work(client);
    } finally {
      client.close();
    }
  } finally {
    // A collector that is away must not make the command fail.
    await telemetry.stop().catch(() => undefined);
  }
}

type Given = Pick<ClientOptions, "tlsCa" | "tokenFile">;

/** Absent: plain text. */
export async function readTls({ tlsCa }: Given): Promise<Pick<ConnectOptions, "tls">> {
  return tlsCa === undefined ? {} : { tls: { ca: await readGiven(tlsCa) } };
}

/** A token is no argument: those are seen by all of a machine. */
export async function readToken({ tokenFile }: Given): Promise<Pick<ConnectOptions, "token">> {
  const text =
    tokenFile === undefined ? (process.env["TIDEPOOL_TOKEN"] ?? "") : await readGiven(tokenFile);
  const token = text.trim();
  return token === "" ? {} : { token };
}
