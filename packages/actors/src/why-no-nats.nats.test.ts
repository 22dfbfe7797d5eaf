import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authorizationBlock, issueInto } from "@tidepool/cli";
import { silentLogger, tlsFilesIn } from "@tidepool/common";
import { connectBus } from "./bus.ts";
import { until } from "./testing/until.ts";

const member = (service: "nats" | "host", id: string) =>
  ({ service, id, addresses: ["127.0.0.1"] }) as const;

describe("A first connection to NATS over TLS", () => {
  let folder = "";
  let servers = "";
  let stop = (): Promise<unknown> => Promise.resolve();
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-why-"));
    const certs = join(folder, "certs");
    const [known, stranger] = [member("host", "h-1"), member("host", "h-2")];
    await issueInto(certs, [member("nats", "n-1"), known, stranger], 1);
    await issueInto(join(folder, "others"), [known], 1);
    const { caFile, certFile, keyFile } = tlsFilesIn(join(certs, "n-1.nats"));
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    servers = `nats://127.0.0.1:${port}`;
    const config = [
      `listen: "127.0.0.1:${port}"`,
      `tls { ca_file: "${caFile}", cert_file: "${certFile}", key_file: "${keyFile}", verify_and_map: true }`,
      ...authorizationBlock([known]),
    ];
    await writeFile(join(folder, "nats.conf"), config.join("\n"));
    const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };
    const child = spawn("nats-server", ["-c", join(folder, "nats.conf")], { env, stdio: "ignore" });
    const exited = once(child, "exit");
    stop = () => {
      child.kill();
      return exited;
    };
    await until(() => attempt("certs/h-1.host").then((said) => said === "in"));
  });
  after(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** "in", or what is told. @param ca of another folder */
  const attempt = async (name: string, ca = name, at = servers): Promise<string> => {
    const tls = { ...tlsFilesIn(join(folder, name)), caFile: join(folder, ca, "ca.pem") };
    const options = { name: "test", component: "host", logger: silentLogger } as const;
    return connectBus({ servers: at, tls, connectMaxMs: 500, ...options }).then(
      async (bus) => {
        await bus.close();
        return "in";
      },
      (error: unknown) => String(error),
    );
  };

  it("says that the server does not take its certificate, and why", async () => {
    assert.match(
      await attempt("others/h-1.host", "certs/h-1.host"),
      /others\/h-1\.host\/cert\.pem: (bad certificate|unknown ca)/,
    );
  });

  it("says that the server has no user of its name", async () => {
    assert.match(await attempt("certs/h-2.host"), /it has no user for .*certs\/h-2\.host/);
  });

  it("ends too where somebody takes connections and says nothing, or no place is named", async () => {
    const mute = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
    await once(mute, "listening");
    const { port } = mute.address() as AddressInfo;
    const silent = `nats://127.0.0.1:${port}`;
    for (const at of [silent, "nats://127.0.0.1:port"])
      assert.match(await attempt("certs/h-1.host", undefined, at), /no nats-server answers at /);
    await new Promise((resolve) => mute.close(resolve));
  });

  it("says that the server's certificate is of nobody trusted", async () => {
    assert.match(
      await attempt("certs/h-1.host", "others/h-1.host"),
      /answers at nats:\/\/127\.0\.0\.1:\d+: .*(signature|verify|issuer)/,
    );
  });
});
