/** TLS inside a cluster: who may speak to whom, and certificates that are replaced while everything runs. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeGenericClientConstructor, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { connectBus } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { Cluster, issueInto } from "@tidepool/cli";
import { clientCredentials, silentLogger, tlsFilesIn, tlsRefreshMs } from "@tidepool/common";
import type { TlsFiles } from "@tidepool/common";
import { hostService } from "@tidepool/proto";
import { TidepoolClient } from "@tidepool/sdk";
import { echoZip } from "../system/a-system.ts";

const HostClient = makeGenericClientConstructor(hostService, "Host");

/** A host that refuses a stream does so sooner, on a busy machine too. */
const refusedMaxMs = 5_000;

describe("TLS inside a cluster", () => {
  let folder = "";
  let cluster: Cluster;
  let client: TidepoolClient;
  const stopping = new AbortController();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-tls-"));
    cluster = await Cluster.start({
      folder,
      nats: 1,
      frontends: 1,
      schedulers: 1,
      hosts: 1,
      hypervisor: "simulated",
      say: () => {},
      signal: stopping.signal,
    });
    client = await TidepoolClient.connect(cluster.addresses.join(","));
    await client.createFunction("echo", { runtime: "nodejs20", handler: "index.handler" });
    await client.uploadCode("echo", echoZip);
  });
  after(async () => {
    client.close();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const filesOf = (name: string): TlsFiles => tlsFilesIn(join(folder, "certs", name));

  /** The status with which the host's stream ends for somebody with these files. */
  const knock = (files: TlsFiles | undefined): Promise<number> =>
    new Promise((resolve) => {
      const address = `${cluster.network.address("host-1")}:7071`;
      const host = new HostClient(address, clientCredentials(files), {
        "grpc.enable_http_proxy": 0,
      });
      const { invocations: method } = hostService;
      const stream = host.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
      );
      stream.on("data", () => {});
      stream.on("error", (error: ServiceError) => {
        host.close();
        resolve(error.code);
      });
      stream.write({ cancel: { callId: 1 } });
      setTimeout(() => stream.cancel(), refusedMaxMs).unref();
    });

  it("lets calls through", async () => {
    assert.deepEqual((await client.invoke("echo", { n: 1 })).payload, { n: 1 });
  });

  it("keeps a host's door shut to plain text, to strangers, and to services that are no frontend", async () => {
    const strangers = await mkdtemp(join(tmpdir(), "tidepool-strangers-"));
    const frontend = { service: "frontend", id: "frontend-1", addresses: [] } as const;
    await issueInto(strangers, [frontend], 1);
    const ca = filesOf("frontend-1.frontend").caFile;
    const stranger = { ...tlsFilesIn(join(strangers, "frontend-1.frontend")), caFile: ca };
    try {
      assert.equal(await knock(undefined), status.UNAVAILABLE);
      assert.equal(await knock(stranger), status.UNAVAILABLE);
      assert.equal(await knock(filesOf("scheduler-1.scheduler")), status.PERMISSION_DENIED);
      assert.equal(await knock(filesOf("frontend-1.frontend")), status.CANCELLED);
    } finally {
      await rm(strangers, { recursive: true, force: true });
    }
  });

  it("keeps NATS shut to whoever shows no certificate", async () => {
    const options = { name: "stranger", component: "client", logger: silentLogger } as const;
    await assert.rejects(connectBus({ ...options, servers: cluster.natsUrl }), {
      code: "unavailable",
    });
    const bus = await connectBus({ ...options, servers: cluster.natsUrl, tls: cluster.tls });
    await bus.close();
  });

  it("lets each service say and hear on NATS only what is its own", async () => {
    const as = (name: string): Promise<Bus> =>
      connectBus({
        servers: cluster.natsUrl,
        name,
        component: "client",
        logger: silentLogger,
        tls: filesOf(name),
      });
    const foreign: readonly [string, string][] = [
      ["host-1.host", "tidepool.v1.host.host-2.heartbeat"],
      ["host-1.host", "tidepool.v1.host.host-1.assign"],
      ["host-1.host", "$JS.API.STREAM.CREATE.KV_tidepool_functions"],
      ["host-1.host", "$KV.tidepool_functions.echo"],
      ["scheduler-1.scheduler", "$KV.tidepool_functions.echo"],
      ["scheduler-1.scheduler", "$JS.API.STREAM.DELETE.KV_tidepool_functions"],
      ["frontend-1.frontend", "tidepool.v1.host.host-1.assign"],
      ["frontend-1.frontend", "$KV.tidepool_leases.shard.0"],
      ["frontend-1.frontend", "$JS.API.STREAM.DELETE.KV_tidepool_functions"],
      ["frontend-1.frontend", "$JS.API.STREAM.PURGE.KV_tidepool_leases"],
      ["frontend-1.frontend", "$JS.API.META.LEADER.STEPDOWN"],
      ["frontend-1.frontend", "$JS.API.ACCOUNT.PURGE.x"],
      ["scheduler-1.scheduler", "$JS.API.STREAM.MSG.GET.KV_tidepool_secrets"],
      ["host-1.host", "_INBOX.scheduler.scheduler-1.x"],
    ];
    for (const [name, subject] of foreign) {
      const bus = await as(name);
      await assert.rejects(
        bus.connection.request(subject, "", { timeout: 2_000 }),
        (error: Error) => /permission/i.test(`${error.message} ${String(error.cause)}`),
        `${name} on ${subject}`,
      );
      await bus.close();
    }
    const host = await as("host-1.host");
    const refused = await new Promise<Error | null>((resolve) => {
      host.connection.subscribe("_INBOX.>", { callback: (error) => resolve(error) });
    });
    assert.match(String(refused), /permission/i, "the replies to others");
    // Of what a wildcard brings, nats-server leaves out what is another's.
    const frontend = await as("frontend-1.frontend");
    const heard: string[] = [];
    for (const subject of ["_INBOX.*.host-1.>", "tidepool.v1.*.host-1.assign"])
      frontend.connection.subscribe(subject, {
        callback: (error, message) => void heard.push(error?.message ?? message.subject),
      });
    await frontend.connection.flush();
    const operator = await connectBus({
      servers: cluster.natsUrl,
      name: "operator",
      component: "client",
      logger: silentLogger,
      tls: cluster.tls,
    });
    for (const subject of ["_INBOX.host.host-1.x", "_INBOX.other.host-1.x"])
      operator.connection.publish(subject, "");
    await operator.connection.flush();
    await until(() => heard.length > 0);
    assert.deepEqual(heard, ["_INBOX.other.host-1.x"]);
    for (const bus of [host, frontend, operator]) await bus.close();
    assert.deepEqual((await client.invoke("echo", 3)).payload, 3);
  });

  it("goes on while every certificate is replaced, and new connections use the new ones", async () => {
    const machines = cluster.names.map((name) => ({
      service: name.slice(0, name.lastIndexOf("-")) as "nats",
      id: name,
      addresses: [cluster.network.address(name)],
    }));
    await issueInto(join(folder, "certs"), machines, 5);
    const untilMs = Date.now() + tlsRefreshMs + 2_000;
    while (Date.now() < untilMs) {
      assert.deepEqual((await client.invoke("echo", 7)).payload, 7);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.equal(await knock(filesOf("frontend-1.frontend")), status.CANCELLED);
  });
});
