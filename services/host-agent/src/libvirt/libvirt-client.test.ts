/** What the client does with a daemon that it cannot use: one that plays old, or locked. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseLibvirtUri } from "./address.ts";
import { LibvirtClient, formatVersion } from "./libvirt-client.ts";
import { PacketSplitter, encodePacket } from "./packet.ts";
import { authTypes, remoteProcedures } from "./protocol.ts";
import { XdrWriter } from "./xdr.ts";

interface Daemon {
  readonly version: number;
  readonly auth: readonly number[];
}

describe("LibvirtClient.open", () => {
  let directory: string;
  let server: Server | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidepool-client-"));
  });
  afterEach(async () => {
    await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
    server = undefined;
    await rm(directory, { recursive: true });
  });

  /** Answers every call with what it is, or with zeros. */
  async function open(daemon: Daemon): Promise<LibvirtClient> {
    const socket = join(directory, "sock");
    server = createServer((connection) => {
      const splitter = new PacketSplitter();
      connection.on("data", (chunk: Buffer) => {
        for (const call of splitter.push(chunk)) {
          const body = new XdrWriter();
          if (call.procedure === remoteProcedures.authList) {
            body.uint(daemon.auth.length);
            for (const type of daemon.auth) body.int(type);
          } else if (call.procedure === remoteProcedures.connectGetLibVersion) {
            body.uint(0).uint(daemon.version);
          } else {
            body.int(0);
          }
          connection.write(encodePacket({ ...call, type: 1, body: body.toBuffer() }));
        }
      });
    });
    await new Promise<void>((resolve) => server?.listen(socket, resolve));
    const options = { runtimeDirectory: directory, isRoot: false, socket };
    return LibvirtClient.open(parseLibvirtUri("qemu:///session", options));
  }

  const none = [authTypes.none];

  it("refuses a daemon that is older than the calls it makes, with both versions", async () => {
    await assert.rejects(open({ version: 8_002_001, auth: none }), {
      code: "invalid",
      message: /sock is version 8\.2\.1, at least 9\.0\.0 is needed$/,
    });
  });

  it("takes a newer one", async () => {
    const client = await open({ version: 11_010_000, auth: none });
    assert.equal(formatVersion(await client.libraryVersion()), "11.10.0");
    await client.close();
  });

  it("says so when the daemon wants a password", async () => {
    await assert.rejects(open({ version: 9_000_000, auth: [authTypes.sasl] }), {
      code: "unavailable",
      message: /wants a password/,
    });
  });
});
