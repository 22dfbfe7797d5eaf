/**
 * A restore into three servers. What could go wrong: streams whose sequences are set, and that get their copies then,
 * refuse what is written next, and the copies lack what was restored.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { ensureAsyncStorage } from "./async-storage.ts";
import { connectBus } from "./bus.ts";
import type { Bus } from "./bus.ts";
import { writeState } from "./kept-state.ts";
import type { KeptRecord } from "./kept-state.ts";
import { ensureStorage } from "./storage.ts";
import { until } from "./testing/until.ts";

const arrivals = subjects.streams.arrivals;
const functions = `KV_${subjects.buckets.functions}`;
const text = (data: string): Uint8Array => new TextEncoder().encode(data);

/** Both begin late: messages before them were replaced, or are too old. */
async function* records(): AsyncGenerator<KeptRecord> {
  const headers = {};
  const empty = new Uint8Array();
  yield {
    head: { kind: "stream", name: functions, firstSequence: 7, lastSequence: 7 },
    data: empty,
  };
  const kept = { kind: "message", subject: `$KV.${subjects.buckets.functions}.kept` } as const;
  yield { head: { ...kept, sequence: 7, headers }, data: text("1") };
  yield {
    head: { kind: "stream", name: arrivals, firstSequence: 501, lastSequence: 503 },
    data: empty,
  };
  for (const sequence of [501, 503]) {
    const subject = subjects.arrivals(1);
    yield {
      head: { kind: "message", subject, sequence, headers },
      data: text(`batch ${sequence}`),
    };
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("kept state in a cluster", function () {
  this.timeout(180_000);
  let dir: string;
  let bus: Bus;
  const servers: ChildProcess[] = [];
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-kept-cluster-"));
    const members = [];
    for (let count = 1; count <= 3; count += 1)
      members.push({ name: `n-${count}`, port: await freePort(), route: await freePort() });
    const routes = members.map(({ route }) => `"nats://127.0.0.1:${route}"`).join(", ");
    for (const { name, port, route } of members) {
      const config = join(dir, `${name}.conf`);
      await writeFile(
        config,
        `server_name: ${name}
listen: "127.0.0.1:${port}"
jetstream { store_dir: ${JSON.stringify(join(dir, name))} }
cluster { name: c, listen: "127.0.0.1:${route}", routes: [${routes}] }
`,
      );
      const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };
      servers.push(spawn("nats-server", ["-c", config], { stdio: "ignore", env }));
    }
    const url = members.map(({ port }) => `nats://127.0.0.1:${port}`).join(",");
    const options = { name: "restore", component: "client", logger: silentLogger } as const;
    await until(async () => {
      bus = await connectBus({ ...options, servers: url, replicas: 3 });
      return true;
    });
  });
  after(async () => {
    await bus.close();
    for (const server of servers) {
      server.kill("SIGKILL");
      if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
    }
    await rm(dir, { recursive: true });
  });

  it("has its copies when it is restored, at its sequences, and takes what is written next", async () => {
    await writeState(bus, records(), { isForced: false, isWithoutCalls: false });
    const storage = await ensureStorage(bus);
    await ensureAsyncStorage(bus);
    for (const name of [arrivals, functions]) {
      const { config, cluster } = await storage.manager.streams.info(name);
      const current = cluster?.replicas?.filter((each) => each.current).length;
      assert.deepEqual([name, config.num_replicas, current], [name, 3, 2]);
    }
    for (const [seq, expected] of [
      [501, "batch 501"],
      [502, ""],
      [503, "batch 503"],
    ] as const)
      assert.equal(
        (await storage.manager.streams.getMessage(arrivals, { seq }))?.string(),
        expected,
      );
    await storage.client.publish(subjects.arrivals(2), "next");
    await storage.functions.put("kept", "2");
    assert.equal((await storage.functions.get("kept"))?.string(), "2");
  });
});
