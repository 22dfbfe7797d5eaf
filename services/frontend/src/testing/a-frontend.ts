/** A frontend on real parts: nats-server, gRPC on loopback; the scheduler is what the test answers for it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { Keyring, newKey, silentLogger, systemClock } from "@tidepool/common";
import { subjects, tidepool, tidepoolService } from "@tidepool/proto";
import { Frontend } from "../frontend.ts";
import { aHost } from "./a-host.ts";
import type { TestHost } from "./a-host.ts";
import { anArchive } from "./an-archive.ts";
import { TestClient } from "./a-client.ts";

export interface TestFrontend {
  readonly bus: Bus;
  readonly client: TestClient;
  readonly host: TestHost;
  readonly frontend: Frontend;
  readonly address: string;
  /** Of its function URLs. */
  readonly httpAddress: string;
  /** Requests for a VM that came to the scheduler. */
  readonly acquires: tidepool.internal.v1.AcquireRequest.$Properties[];
  /** The host of which the scheduler gives VMs. */
  acquired: TestHost;
  /** A client of another frontend beside it. */
  aSecondFrontend(): Promise<TestClient>;
  /** Makes a token, and a client that has it. */
  aCaller(
    tenant: string,
    role: keyof typeof roles,
  ): Promise<{ readonly client: TestClient; readonly id: string; readonly token: string }>;
  /** Makes the function, its code, and the frontend's news of one idle VM. */
  aWarmFunction(name: string, idle?: number): Promise<void>;
  restartNats(whileAway: () => Promise<void>): Promise<void>;
  /** The server answers nothing any more, and closes nothing. */
  freezeNats(): void;
  thawNats(): void;
  stop(): Promise<void>;
}

const { AcquireRequest, AcquireReply } = tidepool.internal.v1;
const { Role } = tidepool.v1;
const roles = {
  admin: Role.ROLE_ADMIN,
  deployer: Role.ROLE_DEPLOYER,
  invoker: Role.ROLE_INVOKER,
  viewer: Role.ROLE_VIEWER,
};
const settings = { runtime: "nodejs20", handler: "index.handler" };

/** @param adminToken callers need a token; this one is the operator's */
export async function aFrontend(adminToken?: string): Promise<TestFrontend> {
  const storeDir = await mkdtemp(join(tmpdir(), "tidepool-frontend-"));
  let server: NatsServer = await startNatsServer({ storeDir });
  const connect = (): Promise<Bus> =>
    connectBus({
      servers: server.url,
      name: "frontend test",
      component: "frontend",
      logger: silentLogger,
    });
  const [bus, own] = await Promise.all([connect(), connect()]);
  const config = {
    address: "127.0.0.1:0",
    httpAddress: "127.0.0.1:0",
    shardCount: 4,
    auth: adminToken === undefined ? "off" : "on",
  } as const;
  const options = {
    config,
    logger: silentLogger,
    ...(adminToken === undefined ? {} : { adminToken, keyring: new Keyring(newKey()) }),
  };
  const frontend = new Frontend({ ...options, bus: own });
  const { address, httpAddress } = await frontend.start();
  const host = await aHost("h-1");
  const client = new TestClient(address, adminToken);
  const acquires: TestFrontend["acquires"] = [];
  for (let shard = 0; shard < config.shardCount; shard++) {
    bus.serve("acquire VM", subjects.acquireVm(shard), AcquireRequest, AcquireReply, (request) => {
      acquires.push(request);
      const vmId = `vm-for-${request.requestId}`;
      const { hostId, address: hostAddress } = test.acquired;
      return Promise.resolve({ hostId, hostAddress, vmId });
    });
  }
  const others: { stop(): Promise<void> }[] = [];
  const test: TestFrontend = {
    bus,
    acquired: host,
    async aSecondFrontend() {
      const otherBus = await connect();
      const other = new Frontend({ ...options, bus: otherBus });
      const otherClient = new TestClient((await other.start()).address, adminToken);
      others.push({
        async stop() {
          otherClient.grpc.close();
          await other.stop();
          await otherBus.close();
        },
      });
      return otherClient;
    },
    async aCaller(tenant, role) {
      const wish = { tenant, role: roles[role] };
      const { token, text = "" } = await client.call(tidepoolService.createToken, wish);
      const caller = new TestClient(address, text);
      others.push({ stop: () => Promise.resolve(caller.grpc.close()) });
      return { client: caller, id: token?.id ?? "", token: text };
    },
    client,
    host,
    frontend,
    address,
    httpAddress,
    acquires,
    async aWarmFunction(name, idle = 1) {
      await client.call(tidepoolService.createFunction, { name, settings });
      await client.upload(name, [anArchive(["index.js"])]);
      host.beat(bus, name, "1", idle);
      await bus.connection.flush();
    },
    async restartNats(whileAway) {
      const port = Number(new URL(server.url).port);
      await server.stop();
      await until(() => !bus.isConnected && !own.isConnected);
      await whileAway();
      server = await startNatsServer({ storeDir, port });
      await until(() => bus.isConnected && own.isConnected);
    },
    freezeNats: () => void server.process.kill("SIGSTOP"),
    thawNats: () => void server.process.kill("SIGCONT"),
    async stop() {
      client.grpc.close();
      for (const other of others) await other.stop();
      await frontend.stop();
      host.stop();
      await Promise.all([bus.close(), own.close()]);
      await server.stop();
      await rm(storeDir, { recursive: true });
    },
  };
  return test;
}

/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

export async function until(
  claim: () => boolean | Promise<boolean>,
  timeoutMs = conditionMaxMs,
): Promise<void> {
  const deadlineAtMs = Date.now() + timeoutMs;
  while (!(await claim())) {
    if (Date.now() > deadlineAtMs) throw new Error(`not in ${timeoutMs} ms: ${claim.toString()}`);
    await systemClock.sleep(10);
  }
}
