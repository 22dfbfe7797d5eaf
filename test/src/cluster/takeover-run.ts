/**
 * How long a cluster takes to notice what it has lost, in network namespaces, where links are cut without anybody being
 * told:
 *   node --import tsx --conditions=source test/src/cluster/takeover-run.ts [rounds]
 * A scheduler's shards until others answer for them, after a cut, a kill, a kill of all but one, and of all, where one of
 * another name comes; a host's VMs until they are there elsewhere, after its death and a cut; and a host that is cut off
 * until it serves no more. Needs root and a build.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { connectBus } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { Cluster } from "@tidepool/cli";
import { silentLogger, systemClock, tlsFilesIn } from "@tidepool/common";
import { hostService, subjects, tidepool } from "@tidepool/proto";
import { TidepoolClient } from "@tidepool/sdk";
import { echoZip } from "../system/a-system.ts";
import { watchHosts } from "./seen-hosts.ts";
import { untilWell } from "./well.ts";
import { Witness } from "./witness.ts";

const rounds = Number(process.argv[2] ?? 3);
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`rounds must be a whole number from 1 on, got '${process.argv[2]}'`);
const waitMaxMs = 60_000;
const askMaxMs = 250;
const callEveryMs = 50;
const { ForecastRequest, ShardLease } = tidepool.internal.v1;

const folder = await mkdtemp(join(tmpdir(), "tidepool-takeover-"));
const cluster = await Cluster.start({
  folder,
  nats: 3,
  frontends: 1,
  schedulers: 3,
  hosts: 3,
  hypervisor: "simulated",
  env: { TIDEPOOL_POOL_BASE_TARGET: "3" },
  say: () => {},
  signal: new AbortController().signal,
});
const client = await TidepoolClient.connect(cluster.addresses.join(","));
const witness = await Witness.of(cluster);
const seen = await watchHosts(cluster);
const bus = await connectBus({
  servers: cluster.natsUrl,
  tls: cluster.tls,
  name: "takeover",
  component: "client",
  logger: silentLogger,
});
const leases = await new Kvm(jetstream(bus.connection)).open(subjects.buckets.leases);
try {
  for (let round = 0; round < rounds; round += 1) await measure(round);
} finally {
  client.close();
  await seen.stop();
  await bus.close();
  await witness.stop();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
}

async function measure(round: number): Promise<void> {
  const { network } = cluster;
  const servers = namesOf("nats");
  const scheduler = namesOf("scheduler")[round % 3] ?? "";
  const cut = (name: string): Promise<unknown> =>
    Promise.all(servers.map((server) => network.cut(name, server)));
  const mend = (name: string): Promise<unknown> =>
    Promise.all(servers.map((server) => network.mend(name, server)));

  await servedAfter(`${scheduler} cut off from NATS`, [scheduler], () => cut(scheduler));
  await mend(scheduler);
  await servedAfter(`${scheduler} killed and away`, [scheduler], () => cluster.stopPart(scheduler));
  await cluster.startPart(scheduler);
  await requireWell();
  const others = namesOf("scheduler").filter((name) => name !== scheduler);
  await servedAfter(`${others.join(", ")} killed and away`, others, () =>
    Promise.all(others.map((name) => cluster.stopPart(name))),
  );
  await Promise.all(others.map((name) => cluster.startPart(name)));

  await servedByNewcomer(`newcomer-${round}`);

  const kept = `kept-${round}`;
  const dead = await hostOfNew(kept);
  await elsewhereAfter(`${dead} powered off`, kept, dead, () => cluster.powerOff(dead));
  await cluster.startPart(dead);
  const called = `called-${round}`;
  const lonely = await hostOfNew(called);
  const serving = servesUntil(lonely, called, systemClock.nowMs());
  await elsewhereAfter(`${lonely} cut off from NATS`, called, lonely, () => cut(lonely));
  tell(`${lonely} cut off from NATS`, "serves no more", await serving);
  await mend(lonely);
}

async function servedAfter(
  what: string,
  lost: readonly string[],
  lose: () => Promise<unknown>,
): Promise<void> {
  await requireWell();
  // Who is back gets its share from the others first.
  await until(async () => {
    const owned = await Promise.all(lost.map((name) => shardsOf(leases, [name])));
    return owned.every(({ length }) => length > 0);
  }, waitMaxMs);
  const shards = await shardsOf(leases, lost);
  const lostAtMs = performance.now();
  await lose();
  // Those who are lost may answer for a while yet.
  const owners = async (): Promise<boolean> => (await shardsOf(leases, lost)).length === 0;
  await until(owners, waitMaxMs);
  await until(async () => (await Promise.all(shards.map(isAnswered))).every(Boolean), waitMaxMs);
  tell(what, `${shards.length} shards are served again`, performance.now() - lostAtMs);
}

/** All are killed at once, and a scheduler that nobody has known is started. */
async function servedByNewcomer(name: string): Promise<void> {
  await requireWell();
  const [model = ""] = namesOf("scheduler");
  const of = (file: string): readonly string[] =>
    readFileSync(`/proc/${cluster.pid(model)}/${file}`, "utf8")
      .split("\0")
      .filter(Boolean);
  const [command = "", ...args] = [...cluster.network.launcher(model), ...of("cmdline")];
  const env = Object.fromEntries(of("environ").map((entry) => entry.split(/=(.*)/s)));
  await Promise.all(namesOf("scheduler").map((each) => cluster.stopPart(each)));
  const startedAtMs = performance.now();
  const newcomer = spawn(command, args, {
    env: { ...env, TIDEPOOL_SCHEDULER_ID: name },
    stdio: "ignore",
  });
  try {
    await until(async () => (await leases.get(`member.${name}`)) !== null, waitMaxMs);
    const announcedAtMs = performance.now();
    const shards = [...Array(subjects.shardCountDefault).keys()];
    await until(async () => (await shardsOf(leases, [name])).length === shards.length, waitMaxMs);
    await until(async () => (await Promise.all(shards.map(isAnswered))).every(Boolean), waitMaxMs);
    const what = `all killed, and ${name} started`;
    tell(what, "since it was started", performance.now() - startedAtMs);
    tell(what, "since it has announced itself", performance.now() - announcedAtMs);
  } finally {
    newcomer.kill("SIGKILL");
    await Promise.all(namesOf("scheduler").map((each) => cluster.startPart(each)));
  }
}

async function elsewhereAfter(
  what: string,
  functionName: string,
  hostId: string,
  lose: () => Promise<unknown>,
): Promise<void> {
  const lostAtMs = performance.now();
  await lose();
  await until(() => Object.keys(seen.idle(functionName)).some((id) => id !== hostId), waitMaxMs);
  tell(what, "its VM is elsewhere", performance.now() - lostAtMs);
}

/** As a frontend that has NATS calls it, whatever it hears of the host. @returns ms from the first refusal of a host cut off */
async function servesUntil(hostId: string, functionName: string, sinceMs: number): Promise<number> {
  const { version = "1" } = await client.getFunction(functionName);
  const tls = tlsFilesIn(join(folder, "certs", "frontend-1.frontend"));
  const [ca, key, certificate] = [tls.caFile, tls.keyFile, tls.certFile].map((file) =>
    readFileSync(file),
  );
  const HostClient = makeGenericClientConstructor(hostService, "Host");
  const address = seen.heartbeats.get(hostId)?.address ?? "";
  const host = new HostClient(address, credentials.createSsl(ca, key, certificate));
  const { path, requestSerialize, responseDeserialize } = hostService.invocations;
  const stream = host.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  stream.on("error", () => {});
  let isRefused = false;
  let served = 0;
  stream.on("data", ({ refused, result }: tidepool.internal.v1.HostMessage.$Properties) => {
    if (result) served += 1;
    if (refused?.failure?.message?.includes("cut off") === true) isRefused = true;
  });
  try {
    for (let callId = 1; !isRefused; callId += 1) {
      if (systemClock.nowMs() - sinceMs > waitMaxMs) throw new Error(`${hostId} serves on`);
      const payload = Buffer.from("1");
      const call = { callId, requestId: `t-${callId}`, functionName, version, payload };
      stream.write({ invoke: { ...call, payloadBytes: payload.length } });
      await systemClock.sleep(callEveryMs);
    }
    process.stdout.write(`  ${served} calls served by ${hostId} until then\n`);
    return systemClock.nowMs() - sinceMs;
  } finally {
    stream.cancel();
    host.close();
  }
}

/** A function that was called once has one VM. */
async function hostOfNew(name: string): Promise<string> {
  await requireWell();
  await client.createFunction(name, { runtime: "nodejs20", handler: "index.handler" });
  await client.uploadCode(name, echoZip);
  await client.invoke(name, 0);
  await until(() => Object.keys(seen.idle(name)).length === 1, waitMaxMs);
  return Object.keys(seen.idle(name))[0] ?? "";
}

async function requireWell(): Promise<void> {
  const ill = await untilWell(cluster, witness);
  if (ill.length > 0) throw new Error(`not well: ${ill.join(", ")}`);
}

async function shardsOf(bucket: KV, owners: readonly string[]): Promise<readonly number[]> {
  const shards = [...Array(subjects.shardCountDefault).keys()];
  const entries = await Promise.all(shards.map((shard) => bucket.get(`shard.${shard}`)));
  return shards.filter((shard) => {
    const value = entries[shard]?.value;
    return value !== undefined && owners.includes(ShardLease.decode(value).ownerId);
  });
}

function isAnswered(shard: number): Promise<boolean> {
  const message = ForecastRequest.create({ functionName: "nobody" });
  const request = { codec: ForecastRequest, message };
  const reply = tidepool.v1.GetForecastResponse;
  return bus
    .request("get forecast", subjects.getForecast(shard), request, reply, { timeoutMs: askMaxMs })
    .then(
      () => true,
      () => false,
    );
}

function namesOf(kind: string): readonly string[] {
  return cluster.names.filter((name) => name.startsWith(`${kind}-`));
}

function tell(what: string, came: string, ms: number): void {
  process.stdout.write(`${what.padEnd(44)} ${came.padEnd(30)} ${(ms / 1_000).toFixed(2)} s\n`);
}
