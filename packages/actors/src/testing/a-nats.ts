/** A real nats-server for one test, with a bus to it; all of it is gone after `stop`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tidepool/common";
import type { Component } from "@tidepool/common";
import { connectBus } from "../bus.ts";
import type { Bus } from "../bus.ts";
import { startNatsServer } from "../nats-server.ts";

export interface TestNats {
  /** "nats://127.0.0.1:port", the same after a restart. */
  readonly url: string;
  readonly bus: Bus;
  /** One bus more, as another process has it. */
  connect(): Promise<Bus>;
  /** What is stored stays. */
  restart(whileAway: () => Promise<void>): Promise<void>;
  /** It answers nothing any more, and closes nothing. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function aNats(component: Component = "scheduler"): Promise<TestNats> {
  const storeDir = await mkdtemp(join(tmpdir(), "tidepool-nats-"));
  let server = await startNatsServer({ storeDir });
  const { url } = server;
  const buses: Bus[] = [];
  const connect = async (): Promise<Bus> => {
    const bus = await connectBus({ servers: url, name: "test", component, logger: silentLogger });
    buses.push(bus);
    return bus;
  };
  return {
    url,
    bus: await connect(),
    connect,
    async restart(whileAway) {
      await server.stop();
      await whileAway();
      server = await startNatsServer({ storeDir, port: Number(new URL(url).port) });
    },
    freeze: () => void server.process.kill("SIGSTOP"),
    thaw: () => void server.process.kill("SIGCONT"),
    async stop() {
      for (const bus of buses) await bus.close();
      await server.stop();
      await rm(storeDir, { recursive: true });
    },
  };
}
