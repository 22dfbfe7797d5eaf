import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import {
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  credentials,
} from "@grpc/grpc-js";
import { limitConnections } from "./connection-limit.ts";

const same = (bytes: Buffer): Buffer => bytes;
const method = {
  path: "/test.Echo/Echo",
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};

describe("limitConnections", () => {
  it("closes what is over the limit, serves what is within it, and has room again when one has gone", async () => {
    const server = new Server();
    server.addService(
      { echo: method },
      {
        echo: (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) =>
          answer(null, call.request),
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const release = limitConnections(port, 3);
    const open = (): Socket => connect(port, "127.0.0.1").on("error", () => undefined);
    const held = [open(), open()];
    try {
      // A server greets whom it takes.
      await Promise.all(held.map((socket) => once(socket, "data")));
      const Client = makeGenericClientConstructor({ echo: method }, "Echo");
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
        "grpc.enable_http_proxy": 0,
      });
      const echo = (): Promise<Buffer> =>
        new Promise((resolve, reject) => {
          client.makeUnaryRequest(method.path, same, same, Buffer.from("hi"), (error, value) =>
            error === null && value !== undefined ? resolve(value) : reject(error),
          );
        });
      assert.equal(String(await echo()), "hi");
      const over = open();
      await once(over, "close");
      assert.equal(String(await echo()), "hi");
      held[0]?.destroy();
      client.close();
      // Their ends come to the server after this.
      for (;;) {
        const next = open();
        held.push(next);
        const isTaken = await Promise.race([
          once(next, "data").then(() => true),
          once(next, "close").then(() => false),
        ]);
        if (isTaken) break;
      }
    } finally {
      release();
      for (const socket of held) socket.destroy();
      server.forceShutdown();
    }
  });
});
