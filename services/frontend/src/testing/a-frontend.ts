/** A frontend on real parts: nats-server, gRPC on loopback; the scheduler is what the test answers for it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { silentLogger, systemClock } from "@tidepool/common";
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
  /** A client of another frontend beside it. */
  aSecondFrontend(): Promise<TestClient>;
  /** Makes the function, its code, and the frontend's news of one idle VM. */
  aWarmFunction(name: string, idle?: number): Promise<void>;
  restartNats(whileAway: () => Promise<void>): Promise<void>;
  /** The server answers nothing any more, and closes nothing. */
  freezeNats(): void;
  thawNats(): void;
  stop(): Promise<void>;
}

const { AcquireRequest, AcquireReply } = tidepool.internal.v1;
const settings = { runtime: "nodejs20", handler: "index.handler" };

export async function aFrontend(): Promise<TestFrontend> {
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
  const config = { address: "127.0.0.1:0", httpAddress: "127.0.0.1:0", shardCount: 4 };
  const frontend = new Frontend({ config, bus: own, logger: silentLogger });
  const { address, httpAddress } = await frontend.start();
  const host = await aHost("h-1");
  const client = new TestClient(address);
  const acquires: TestFrontend["acquires"] = [];
  for (let shard = 0; shard < config.shardCount; shard++) {
    bus.serve("acquire VM", subjects.acquireVm(shard), AcquireRequest, AcquireReply, (request) => {
      acquires.push(request);
      const vmId = `vm-for-${request.requestId}`;
      return Promise.resolve({ hostId: host.hostId, hostAddress: host.address, vmId });
    });
  }
  const others: { stop(): Promise<void> }[] = [];
  return {
    bus,
    async aSecondFrontend() {
      const otherBus = await connect();
      const other = new Frontend({ config, bus: otherBus, logger: silentLogger });
      const otherClient = new TestClient((await other.start()).address);
      others.push({
        async stop() {
          otherClient.grpc.close();
          await other.stop();
          await otherBus.close();
        },
      });
      return otherClient;
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
}

export async function until(
  claim: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadlineAtMs = Date.now() + timeoutMs;
  while (!(await claim())) {
    if (Date.now() > deadlineAtMs) throw new Error(`not in ${timeoutMs} ms: ${claim.toString()}`);
    await systemClock.sleep(10);
  }
}
