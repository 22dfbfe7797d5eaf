/** The port at which the nats-servers of a cluster know each other: whoever is let in there is held to no user's rules. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { tlsFilesIn } from "@tidepool/common";
import { issueInto } from "../certs/cert-folder.ts";
import type { Member } from "../certs/cert-folder.ts";
import type { RunningProcess } from "../up/service-process.ts";
import { natsConfig, routePort } from "./nats-config.ts";
import { startNatsProcess } from "./nats-process.ts";

/** Its ports are fixed: addresses of this process's own. */
const network = `127.77.${(process.pid >> 8) & 255}`;
const first = (process.pid & 127) * 2;

describe("The routes between nats-servers", () => {
  let folder = "";
  let server: RunningProcess | undefined;
  const address = `${network}.${first}`;
  const other = `${network}.${first + 1}`;
  const members: readonly Member[] = [
    { service: "nats", id: "n-1", addresses: [address] },
    { service: "nats", id: "n-2", addresses: [other] },
    { service: "host", id: "h-1", addresses: [] },
    { service: "scheduler", id: "s-1", addresses: [] },
    { service: "frontend", id: "f-1", addresses: ["f1.example.com"] },
    { service: "client", id: "operator", addresses: [] },
  ];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-routes-"));
    await issueInto(folder, members, 1);
    const member = { name: "n-1", address };
    const store = join(folder, "jetstream");
    const tls = tlsFilesIn(join(folder, "n-1.nats"));
    const all = [member, { name: "n-2", address: other }];
    server = await startNatsProcess({
      member,
      config: natsConfig(member, all, store, tls, members),
      launcher: [],
      folder: join(folder, "n-1"),
      logPath: join(folder, "n-1.log"),
      signal: new AbortController().signal,
    });
  });
  after(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Greets as a server of the cluster does; resolves with what it is told first, beside how the other is called. */
  async function greet(name: string): Promise<string> {
    const { caFile, certFile, keyFile } = tlsFilesIn(join(folder, name));
    const [ca, cert, key] = await Promise.all(
      [caFile, certFile, keyFile].map((path) => readFile(path)),
    );
    const socket = connect({ host: address, port: routePort, ca, cert, key });
    const hello = { verbose: false, pedantic: false, name: "rogue", cluster: "tidepool" };
    socket.write(`CONNECT ${JSON.stringify(hello)}\r\nPING\r\n`);
    let said = "";
    try {
      for await (const bytes of socket) {
        said += String(bytes);
        const [told] = /PONG|-ERR .*/.exec(said) ?? [];
        if (told !== undefined) return told.trim();
      }
    } catch (error) {
      return String(error);
    } finally {
      socket.destroy();
    }
    return "closed";
  }

  it("take another nats-server of the cluster", async () => {
    assert.equal(await greet("n-2.nats"), "PONG");
  });

  for (const name of ["h-1.host", "s-1.scheduler", "f-1.frontend", "operator.client"])
    it(`refuse ${name}, whose certificate is of the same authority`, async () => {
      assert.equal(await greet(name), "-ERR 'Authorization Violation'");
    });
});
