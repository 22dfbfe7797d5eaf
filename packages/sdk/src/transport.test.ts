import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
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

  it("says that nobody answers, and that it may be tried again, where it only connects in a call's time", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on("error", () => {})));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, "127.0.0.1", () => resolve((silent.address() as AddressInfo).port));
    });
    const transport = new Transport(`127.0.0.1:${port}`);
    const { signal } = new AbortController();
    const limits = { timeoutMs: 100, signal };
    try {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const listed = transport.unary(tidepoolService.listFunctions, {}, limits);
        await assert.rejects(listed, { code: "unavailable", retryable: true });
      }
      assert.deepEqual(getEventListeners(signal, "abort"), []);
    } finally {
      transport.close();
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });
});
