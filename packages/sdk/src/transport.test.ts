import assert from "node:assert/strict";
import { connectivityState, Server, ServerCredentials } from "@grpc/grpc-js";
import type { Client } from "@grpc/grpc-js";
import { systemClock } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import { Transport } from "./transport.ts";

const readyMaxMs = 30_000;
const pollMs = 10;

async function startServer(address: string): Promise<readonly [Server, number]> {
  const server = new Server();
  server.addService(
    { listFunctions: tidepoolService.listFunctions },
    {
      listFunctions: (_: unknown, answer: (error: null, reply: object) => void) => answer(null, {}),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  return [server, port];
}

describe("Transport", () => {
  it("sends a call when a server is back that was away for a moment, and fails one where none comes", async () => {
    const [first, port] = await startServer("127.0.0.1:0");
    const address = `127.0.0.1:${port}`;
    const transport = new Transport(address);
    const list = (timeoutMs: number): Promise<unknown> =>
      transport.unary(tidepoolService.listFunctions, {}, { timeoutMs });
    let second: Server | undefined;
    try {
      await transport.ready(readyMaxMs);
      await list(readyMaxMs);
      first.forceShutdown();
      const { client } = transport as unknown as { readonly client: Client };
      const isAway = (): boolean =>
        client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
      while (!isAway()) await systemClock.sleep(pollMs);
      await assert.rejects(list(100), { retryable: true });
      const listed = list(readyMaxMs);
      [second] = await startServer(address);
      await listed;
    } finally {
      transport.close();
      first.forceShutdown();
      second?.forceShutdown();
    }
  });
});
