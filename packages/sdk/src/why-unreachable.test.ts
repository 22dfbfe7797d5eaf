import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { createSecureServer, createServer as createHttp2Server } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { whyUnreachable } from "@tidepool/common";
import { TidepoolClient } from "./client.ts";

const run = promisify(execFile);
/** The connection is tried within this; the reason is there after the first attempt. */
const connectTimeoutMs = 1_000;

interface Files {
  readonly cert: Buffer;
  readonly key: Buffer;
}

describe("A client that finds no frontend", () => {
  let folder = "";
  let own: Files;
  let elsewhere: Files;
  const servers: Server[] = [];

  /** Signed by itself, so that it is its own authority. */
  const aCertificate = async (name: string, address: string): Promise<Files> => {
    const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
    const ofKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const ofName = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=IP:${address}`];
    const files = ["-keyout", key, "-out", cert];
    await run("openssl", ["req", "-x509", ...ofKey, ...ofName, ...files, "-days", "2"]);
    return { cert: await readFile(cert), key: await readFile(key) };
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-tls-"));
    own = await aCertificate("own", "127.0.0.1");
    elsewhere = await aCertificate("elsewhere", "10.9.9.9");
  });
  after(async () => {
    for (const server of servers) server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const at = async (server: Server): Promise<string> => {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const said = async (address: string, ca?: Buffer): Promise<string> => {
    const tls = ca === undefined ? {} : { tls: { ca } };
    const error: unknown = await TidepoolClient.connect(address, { connectTimeoutMs, ...tls }).then(
      (client) => client.close(),
      (thrown: unknown) => thrown,
    );
    return error instanceof Error ? error.message : "connected";
  };

  it("says what is wrong with the certificate, or with who speaks what", async () => {
    const nobody = createServer();
    const closed = await at(nobody);
    await new Promise((resolve) => nobody.close(resolve));
    const told = await Promise.all([
      said(await at(createSecureServer(elsewhere)), elsewhere.cert),
      said(await at(createSecureServer(own)), elsewhere.cert),
      said(await at(createHttp2Server()), own.cert),
      said(await at(createSecureServer(own))),
      said(closed),
    ]);
    assert.deepEqual(
      told.map((message) => message.replace(/^.* ms: /, "")),
      [
        "its certificate is not for this address",
        "its certificate is of nobody who is trusted here",
        "it speaks plain text, and no TLS",
        "it ended the connection: it may want TLS",
        "the connection is refused",
      ],
    );
  });

  it("says that a server may not take the certificate of who calls, where that shows one", () => {
    for (const details of ["Last error: read ECONNRESET", "Last error: Failed to connect"]) {
      assert.match(whyUnreachable(details, "both")?.why ?? "", /may not take the certificate/);
      assert.equal(whyUnreachable(details, "server's"), undefined);
    }
  });

  it("says that the certificate has expired", () => {
    const details = "Last error: Error [CERT_HAS_EXPIRED]: certificate has expired.";
    assert.deepEqual(whyUnreachable(details, "server's"), {
      why: "its certificate has expired",
      isTls: true,
    });
  });
});
