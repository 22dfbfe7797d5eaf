/** The connection against a daemon that behaves in ways the real one seldom does: silent, broken, gone. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PacketSplitter, encodePacket, type Packet } from "./packet.ts";
import { RpcConnection, type Call } from "./rpc-connection.ts";
import { XdrWriter } from "./xdr.ts";

describe("RpcConnection", () => {
  let directory: string;
  let server: Server;
  let connection: RpcConnection;
  let answer: (packet: Packet, socket: Socket) => void;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidepool-rpc-"));
    server = createServer((socket) => {
      const splitter = new PacketSplitter();
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        for (const packet of splitter.push(chunk)) answer(packet, socket);
      });
    });
    const path = join(directory, "sock");
    await new Promise<void>((resolve) => server.listen(path, resolve));
    connection = await RpcConnection.open(path, () => {});
  });

  afterEach(async () => {
    connection.close();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true });
  });

  const call: Call<number> = {
    procedure: 5,
    doing: "count domains",
    read: (reader) => reader.int(),
    timeoutMs: 5_000,
  };
  const reply = (packet: Packet, body: Buffer, status = 0): Buffer =>
    encodePacket({ ...packet, type: 1, status, body });

  it("gives each call its own answer when they come back in another order", async () => {
    const held: Packet[] = [];
    answer = (packet, socket) => {
      held.push(packet);
      if (held.length < 3) return;
      for (const each of held.reverse())
        socket.write(reply(each, new XdrWriter().int(each.serial * 10).toBuffer()));
    };
    const answers = await Promise.all([1, 2, 3].map(() => connection.call(call)));
    assert.deepEqual(answers, [10, 20, 30]);
  });

  it("says what it was doing and libvirt's own words when a call is refused", async () => {
    const error = new XdrWriter().int(42).int(10).int(1).string("Domain not found").int(2).int(0);
    answer = (packet, socket) => socket.write(reply(packet, error.toBuffer(), 1));
    await assert.rejects(connection.call(call), {
      code: "notFound",
      message: "count domains: libvirt says 'Domain not found'",
    });
  });

  it("answers a ping while a call waits", async () => {
    const ping = { program: 0x6b656570, version: 1, procedure: 1, type: 2, serial: 0, status: 0 };
    const heard: Packet[] = [];
    let first: Packet | undefined;
    answer = (packet, socket) => {
      heard.push(packet);
      first ??= packet;
      if (packet === first) socket.write(encodePacket({ ...ping, body: Buffer.alloc(0) }));
      else socket.write(reply(first, new XdrWriter().int(1).toBuffer()));
    };
    assert.equal(await connection.call(call), 1);
    assert.equal(heard[1]?.program, ping.program);
    assert.equal(heard[1]?.procedure, 2);
  });

  it("ends a call that nobody answers at its time limit", async () => {
    answer = () => {};
    await assert.rejects(connection.call({ ...call, timeoutMs: 20 }), {
      code: "unavailable",
      message: "count domains: libvirtd did not answer within 20 ms",
    });
  });

  it("ends a call when its signal is aborted", async () => {
    answer = () => {};
    const abort = new AbortController();
    const waiting = connection.call({ ...call, signal: abort.signal });
    abort.abort();
    await assert.rejects(waiting, { code: "cancelled" });
  });

  it("fails the waiting call and every later one when the daemon goes away", async () => {
    answer = (_, socket) => socket.destroy();
    const gone = { code: "unavailable", message: /is gone: the daemon closed the connection$/ };
    await assert.rejects(connection.call(call), gone);
    await assert.rejects(connection.call(call), gone);
    assert.equal((await connection.closed).code, "unavailable");
  });

  it("closes a connection on which something else than libvirt speaks", async () => {
    answer = (_, socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    await assert.rejects(connection.call(call), { message: /announced a packet of 1213486160/ });
  });

  it("says which socket does not answer", async () => {
    const path = join(directory, "nobody");
    await assert.rejects(
      RpcConnection.open(path, () => {}),
      { code: "unavailable", message: new RegExp(`${path}: .*ENOENT`) },
    );
  });
});
