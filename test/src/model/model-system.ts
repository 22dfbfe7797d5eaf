/**
 * A whole system in this process whose parts can be killed and cut off one by one: each has a NATS connection of
 * its own, and one that is closed is heard no more while its part goes on, as behind a cut.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { Keyring, newKey, silentLogger } from "@tidepool/common";
import type { Component } from "@tidepool/common";
import { Frontend } from "@tidepool/frontend";
import { HostAgent, openGuestSession, SimulatedHypervisor } from "@tidepool/host-agent";
import { Scheduler } from "@tidepool/scheduler";
import { TidepoolClient } from "@tidepool/sdk";
import { Witness } from "../cluster/witness.ts";

export const warmingPolicy = { base: 3, floor: 1, ceiling: 6 };
export const shardCount = 8;
const leaseTiming = {
  renewEveryMs: 150,
  memberTtlMs: 1_200,
  fenceMarginMs: 400,
  electionMaxMs: 3_600,
  drainMaxMs: 500,
};

interface Part {
  readonly bus: Bus;
  stop(): Promise<void>;
}

export class ModelSystem {
  readonly client: TidepoolClient;
  readonly witness: Witness;
  readonly bus: Bus;
  readonly #dir: string;
  readonly #parts: Map<string, Part>;
  readonly #keyring: Keyring;
  readonly #url: string;
  readonly #server: NatsServer;
  /** Parts that were killed or cut off, until they have noticed. */
  readonly #ending: Promise<void>[] = [];

  private constructor(
    dir: string,
    server: NatsServer,
    bus: Bus,
    client: TidepoolClient,
    parts: Map<string, Part>,
    keyring: Keyring,
  ) {
    this.#dir = dir;
    this.#server = server;
    this.#url = server.url;
    this.bus = bus;
    this.client = client;
    this.witness = new Witness([bus]);
    this.#parts = parts;
    this.#keyring = keyring;
  }

  static async start(): Promise<ModelSystem> {
    const dir = await mkdtemp(join(tmpdir(), "tidepool-model-"));
    const server = await startNatsServer({ storeDir: join(dir, "nats") });
    const keyring = new Keyring(newKey());
    const parts = new Map<string, Part>();
    const names = ["host-1", "host-2", "scheduler-1", "scheduler-2"];
    for (const name of names) parts.set(name, await startPart(name, server.url, dir, keyring));
    const frontendBus = await connect(server.url, "frontend");
    const frontend = new Frontend({
      config: { address: "127.0.0.1:0", httpAddress: "127.0.0.1:0", shardCount },
      bus: frontendBus,
      logger: silentLogger,
      keyring,
    });
    const { address } = await frontend.start();
    parts.set("frontend-1", { bus: frontendBus, stop: () => frontend.stop() });
    const bus = await connect(server.url, "client");
    const client = await TidepoolClient.connect(address);
    return new ModelSystem(dir, server, bus, client, parts, keyring);
  }

  /** It is heard no more, goes on for as long as it believes in itself, and another of its name begins. */
  async replace(name: string): Promise<void> {
    const part = this.#parts.get(name);
    if (part === undefined) return;
    await part.bus.connection.close();
    this.#ending.push(part.stop().catch(() => {}));
    this.#parts.set(name, await startPart(name, this.#url, this.#dir, this.#keyring));
  }

  async stopAndStart(name: string): Promise<void> {
    const part = this.#parts.get(name);
    if (part === undefined) return;
    await part.stop();
    await part.bus.close();
    this.#parts.set(name, await startPart(name, this.#url, this.#dir, this.#keyring));
  }

  /** Of a part that lives: the connection breaks, and is made again. */
  async reconnect(name: string): Promise<void> {
    await this.#parts.get(name)?.bus.connection.reconnect();
  }

  async stop(): Promise<void> {
    this.client.close();
    const inOrder = [...this.#parts].sort(([a], [b]) => a.localeCompare(b));
    for (const [, part] of inOrder) await part.stop();
    await Promise.all(this.#ending);
    for (const [, { bus }] of inOrder) await bus.close();
    await this.bus.close();
    await this.#server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}

function connect(servers: string, component: Component): Promise<Bus> {
  return connectBus({ servers, name: component, component, logger: silentLogger });
}

async function startPart(name: string, url: string, dir: string, keyring: Keyring): Promise<Part> {
  const isHost = name.startsWith("host-");
  const bus = await connect(url, isHost ? "host" : "scheduler");
  const storage = await ensureStorage(bus);
  const logger = silentLogger;
  const part = isHost
    ? new HostAgent({
        config: {
          hostId: name,
          address: "127.0.0.1:0",
          stateDir: join(dir, name),
          memoryMib: 8_192,
          vmCountMax: 32,
          poolBaseTarget: warmingPolicy.base,
        },
        bus,
        storage,
        hypervisor: new SimulatedHypervisor({ seed: 1, timeScale: 0.1 }),
        openSession: openGuestSession,
        logger,
        keyring,
      })
    : new Scheduler({
        bus,
        storage,
        schedulerId: name,
        shardCount,
        warmingPolicy,
        logger,
        leaseTiming,
      });
  await part.start();
  return { bus, stop: () => part.stop() };
}
