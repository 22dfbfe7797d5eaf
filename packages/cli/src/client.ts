/** A connection for the time of one command, and the client's end of its traces. */
import { readFile } from "node:fs/promises";
import { startTelemetry } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import { usageError } from "./failure.ts";
import type { ClientOptions } from "./program/parts.ts";

/** A person waits. */
const connectTimeoutMs = 3_000;

export async function withClient<T>(
  { address, tlsCa }: Pick<ClientOptions, "address" | "tlsCa">,
  work: (client: TidepoolClient) => Promise<T>,
): Promise<T> {
  const telemetry = await startTelemetry("tidepool-cli");
  try {
    const tls = tlsCa === undefined ? {} : { tls: { ca: await readAuthority(tlsCa) } };
    const client = await TidepoolClient.connect(address, { connectTimeoutMs, ...tls });
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

function readAuthority(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${path} cannot be read: ${error.code ?? error.message}`);
  });
}
