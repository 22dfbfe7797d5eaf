/** A connection for the time of one command, and the client's end of its traces. */
import { startTelemetry } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import type { ClientOptions } from "./program/parts.ts";

/** A person waits. */
const connectTimeoutMs = 3_000;

export async function withClient<T>(
  { address }: Pick<ClientOptions, "address">,
  work: (client: TidepoolClient) => Promise<T>,
): Promise<T> {
  const telemetry = await startTelemetry("tidepool-cli");
  try {
    const client = await TidepoolClient.connect(address, { connectTimeoutMs });
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
