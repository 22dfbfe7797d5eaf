import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer } from "node:tls";
import type { AddressInfo } from "node:net";
import { connectBus } from "@tidepool/actors";
import { silentLogger, tlsFilesIn } from "@tidepool/common";
import { issueInto, listCertificates } from "./cert-folder.ts";
import type { Member } from "./cert-folder.ts";

describe("Certificates of a cluster", () => {
  let folder = "";
  before(async () => (folder = await mkdtemp(join(tmpdir(), "tidepool-certs-"))));
  after(() => rm(folder, { recursive: true, force: true }));

  const host: Member = { service: "host", id: "h-1", addresses: ["127.0.0.1", "h1.example.com"] };
  const frontend: Member = { service: "frontend", id: "f-1", addresses: [] };
  const files = async (name: string, from = folder) => ({
    ca: await readFile(join(from, name, "ca.pem")),
    cert: await readFile(join(from, name, "cert.pem")),
    key: await readFile(join(from, name, "key.pem")),
  });

  it("name the process and its addresses, and keep keys from other users", async () => {
    await issueInto(folder, [host, frontend], 30);
    const { cert, ca } = await files("h-1.host");
    const certificate = new X509Certificate(cert);
    assert.equal(
      certificate.subjectAltName,
      "DNS:h-1.host.tidepool, IP Address:127.0.0.1, DNS:h1.example.com",
    );
    assert.ok(certificate.verify(new X509Certificate(ca).publicKey));
    assert.equal((await stat(join(folder, "h-1.host/key.pem"))).mode & 0o077, 0);
    assert.equal((await stat(join(folder, "ca-key.pem"))).mode & 0o077, 0);
  });

  it("are not made by a new authority where the old one cannot be read", async () => {
    const other = await mkdtemp(join(tmpdir(), "tidepool-certs-"));
    await mkdir(join(other, "ca.pem"));
    await assert.rejects(issueInto(other, [host], 30), /ca.pem cannot be read: EISDIR$/);
    await rm(other, { recursive: true });
  });

  it("are renewed by the same authority, and listed with their end", async () => {
    const before = await files("f-1.frontend");
    await issueInto(folder, [frontend], 10);
    const after = await files("f-1.frontend");
    assert.deepEqual(after.ca, before.ca);
    assert.notDeepEqual(after.cert, before.cert);
    const found = await listCertificates(folder);
    assert.deepEqual(
      found.map(({ name, expiresAtMs }) => [
        name,
        Math.round((expiresAtMs - Date.now()) / 86_400_000),
      ]),
      [
        ["ca", 3_650],
        ["f-1.frontend", 10],
        ["h-1.host", 30],
      ],
    );
  });

  it("open a connection that both ends check, and none to a process of another authority", async () => {
    const other = await mkdtemp(join(tmpdir(), "tidepool-certs-"));
    await issueInto(other, [frontend], 1);
    const server = createServer({
      ...(await files("h-1.host")),
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.on("secureConnection", (socket) => socket.end("in"));
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const reach = async (from: string): Promise<string> => {
      const { cert, key } = await files("f-1.frontend", from);
      const { ca } = await files("f-1.frontend");
      const socket = connect({ host: "127.0.0.1", port, ca, cert, key });
      let said = "";
      for await (const chunk of socket) said += String(chunk);
      return said;
    };
    try {
      assert.equal(await reach(folder), "in");
      // Refused after the handshake: the client may see an alert, or nothing more.
      assert.notEqual(await reach(other).catch(() => "refused"), "in");
    } finally {
      server.close();
      await rm(other, { recursive: true, force: true });
    }
  });

  it("are said to have expired by the process whose they are, before it goes to NATS", async () => {
    await issueInto(folder, [{ service: "scheduler", id: "s-1", addresses: [] }], -1);
    const tls = tlsFilesIn(join(folder, "s-1.scheduler"));
    const options = { name: "s-1", component: "scheduler", logger: silentLogger } as const;
    await assert.rejects(connectBus({ servers: "nats://127.0.0.1:1", tls, ...options }), {
      code: "unavailable",
      message: /s-1\.scheduler\/cert\.pem has expired on /,
    });
  });

  it("are not there before they are made, and say how", async () => {
    await assert.rejects(listCertificates(join(folder, "none")), { code: "notFound" });
  });
});
