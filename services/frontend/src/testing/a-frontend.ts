/** A frontend on real parts: nats-server, gRPC on loopback; the scheduler is what the test answers for it. */
import type { Bus } from "@tidepool/actors";
import { aNats, until } from "@tidepool/actors/testing";
import { Keyring, newKey, silentLogger } from "@tidepool/common";
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
  const nats = await aNats("frontend");
  const { bus } = nats;
  const own = await nats.connect();
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
      const otherBus = await nats.connect();
      const other = new Frontend({ ...options, bus: otherBus });
      const otherClient = new TestClient((await other.start()).address, adminToken);
      others.push({
        async stop() {
          otherClient.grpc.close();
          await other.stop();
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
      await nats.restart(async () => {
        await until(() => !bus.isConnected && !own.isConnected);
        await whileAway();
      });
      await until(() => bus.isConnected && own.isConnected);
    },
    freezeNats: () => nats.freeze(),
    thawNats: () => nats.thaw(),
    async stop() {
      client.grpc.close();
      for (const other of others) await other.stop();
      await frontend.stop();
      host.stop();
      await nats.stop();
    },
  };
  return test;
}
