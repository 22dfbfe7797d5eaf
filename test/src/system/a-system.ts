/** The whole of Tidepool in one process, on a real nats-server and gRPC; only the VMs are simulated. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { Keyring, newKey, silentLogger } from "@tidepool/common";
import type { Component, Logger } from "@tidepool/common";
import { Frontend } from "@tidepool/frontend";
import { HostAgent, openGuestSession, SimulatedHypervisor } from "@tidepool/host-agent";
import { Scheduler } from "@tidepool/scheduler";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { TidepoolClient } from "@tidepool/sdk";

export interface TestSystem {
  readonly client: TidepoolClient;
  /** host:port of the frontend. */
  readonly address: string;
  /** Of all frontends. */
  readonly addresses: readonly string[];
  /** Of the first frontend's function URLs. */
  readonly httpAddress: string;
  readonly dir: string;
  readonly natsUrl: string;
  /** Of the first host. */
  readonly agent: HostAgent;
  /** Of every host, "h-1" first. */
  readonly agents: readonly HostAgent[];
  /** VMs of a function on all hosts, as these last said. */
  toldVms(name: string): readonly tidepool.internal.v1.HostFunction.$Properties[];
  /** A function's calls at a period, up to now, as a frontend tells them. @returns the instant of the last */
  teach(name: string, periodMs: number, callCount: number): Promise<number>;
  restartNats(whileAway: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

const shardCount = 4;

export interface TestSystemOptions {
  /** Generic VMs that wait while nothing has been learned. */
  readonly poolBaseTarget?: number;
  /** Of the one host. */
  readonly vmCountMax?: number;
  /** Their addresses are in `addresses`. */
  readonly frontendCount?: number;
  /** "h-1", "h-2", …; default 1. */
  readonly hostCount?: number;
  readonly logger?: Logger;
  /** What was used is written so often. */
  readonly usagePeriodMs?: number;
  /** So long idle VMs of a drained host serve on. */
  readonly drainMoveMs?: number;
  /** What secrets are sealed with; a new one when absent. */
  readonly keyring?: Keyring;
  /** Callers need a token: this one is the operator's, and the client's. */
  readonly adminToken?: string;
  /** Called when NATS runs and nothing else does. */
  readonly beforeServices?: (natsUrl: string) => Promise<void>;
}

export async function aSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const {
    poolBaseTarget = 4,
    vmCountMax = 32,
    frontendCount = 1,
    hostCount = 1,
    logger = silentLogger,
  } = options;
  const { keyring = new Keyring(newKey()) } = options;
  const { usagePeriodMs = 60_000 } = options;
  const dir = await mkdtemp(join(tmpdir(), "tidepool-system-"));
  let server: NatsServer = await startNatsServer({ storeDir: join(dir, "nats") });
  await options.beforeServices?.(server.url);
  const buses: Bus[] = [];
  const connect = async (component: Component): Promise<Bus> => {
    const options = { servers: server.url, name: component, component, logger };
    const bus = await connectBus(options);
    buses.push(bus);
    return bus;
  };
  const heard = new Map<string, readonly tidepool.internal.v1.HostFunction.$Properties[]>();
  const { HostHeartbeat } = tidepool.internal.v1;
  const listening = await connect("client");
  listening.subscribe(subjects.allHostHeartbeats, HostHeartbeat, ({ hostId, functions }) => {
    heard.set(hostId ?? "", functions ?? []);
  });
  const agents: HostAgent[] = [];
  for (let count = 1; count <= hostCount; count += 1) {
    const hostBus = await connect("host");
    const agent = new HostAgent({
      config: {
        hostId: `h-${count}`,
        address: "127.0.0.1:0",
        stateDir: join(dir, `host-${count}`),
        memoryMib: 8_192,
        vmCountMax,
        poolBaseTarget,
      },
      bus: hostBus,
      storage: await ensureStorage(hostBus),
      hypervisor: new SimulatedHypervisor({ seed: count, timeScale: 0.2 }),
      openSession: openGuestSession,
      logger,
      keyring,
      usagePeriodMs,
      ...(options.drainMoveMs !== undefined && { drainMoveMs: options.drainMoveMs }),
    });
    await agent.start();
    agents.push(agent);
  }
  const schedulerBus = await connect("scheduler");
  const scheduler = new Scheduler({
    bus: schedulerBus,
    storage: await ensureStorage(schedulerBus),
    schedulerId: "s-1",
    shardCount,
    warmingPolicy: { base: poolBaseTarget, floor: 1, ceiling: 2 * poolBaseTarget },
    logger,
  });
  await scheduler.start();
  const frontends: Frontend[] = [];
  const addresses: string[] = [];
  const httpAddresses: string[] = [];
  for (let count = 0; count < frontendCount; count += 1) {
    const config = {
      address: "127.0.0.1:0",
      httpAddress: "127.0.0.1:0",
      shardCount,
      auth: options.adminToken === undefined ? "off" : "on",
    } as const;
    const frontend = new Frontend({
      config,
      bus: await connect("frontend"),
      logger,
      keyring,
      usagePeriodMs,
      ...(options.adminToken !== undefined && { adminToken: options.adminToken }),
    });
    frontends.push(frontend);
    const started = await frontend.start();
    addresses.push(started.address);
    httpAddresses.push(started.httpAddress);
  }
  const [address = ""] = addresses;
  const [httpAddress = ""] = httpAddresses;
  const [agent] = agents;
  if (agent === undefined) throw new Error("a system has a host");
  const client = await TidepoolClient.connect(address, {
    ...(options.adminToken !== undefined && { token: options.adminToken }),
  });
  return {
    client,
    address,
    addresses,
    httpAddress,
    dir,
    natsUrl: server.url,
    agent,
    agents,
    toldVms: (name) => [...heard.values()].flat().filter((seen) => seen.name === name),
    async teach(functionName, periodMs, callCount) {
      const lastAtMs = Date.now();
      const arrivals = Array.from({ length: callCount }, (_, index) => ({
        functionName,
        at: toTimestamp(lastAtMs - (callCount - 1 - index) * periodMs),
      }));
      const batch = tidepool.internal.v1.ArrivalBatch.encode({ arrivals }).finish();
      const shard = subjects.shardOf(functionName, shardCount);
      await listening.connection.request(subjects.arrivals(shard), batch);
      return lastAtMs;
    },
    async restartNats(whileAway) {
      const port = Number(new URL(server.url).port);
      await server.stop();
      await until(() => buses.every((bus) => !bus.isConnected));
      await whileAway();
      server = await startNatsServer({ storeDir: join(dir, "nats"), port });
      await until(() => buses.every((bus) => bus.isConnected));
    },
    async stop() {
      client.close();
      for (const frontend of frontends) await frontend.stop();
      await scheduler.stop();
      for (const agent of agents) await agent.stop();
      for (const bus of buses) await bus.close();
      await server.stop();
      await rm(dir, { recursive: true });
    },
  };
}

/** A zip of index.js: `exports.handler = async (event) => event;` */
export const echoZip = Buffer.from(
  "UEsDBBQAAAAAAAAAIVwoDJycKgAAACoAAAAIAAAAaW5kZXguanNleHBvcnRzLmhhbmRsZXIgPSBhc3luYyAoZXZlbnQpID0+IGV2ZW50OwpQSwECFAMUAAAAAAAAACFcKAycnCoAAAAqAAAACAAAAAAAAAAAAAAApIEAAAAAaW5kZXguanNQSwUGAAAAAAEAAQA2AAAAUAAAAAAA",
  "base64",
);
