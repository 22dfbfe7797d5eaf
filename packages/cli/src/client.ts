/** A connection for the time of one command. */
import { TidepoolClient } from "@tidepool/sdk";
import type { ClientOptions } from "./program.ts";

/** A person waits. */
const connectTimeoutMs = 3_000;

export async function withClient<T>(
  { address }: Pick<ClientOptions, "address">,
  work: (client: TidepoolClient) => Promise<T>,
): Promise<T> {
  const client = await TidepoolClient.connect(address, { connectTimeoutMs });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
