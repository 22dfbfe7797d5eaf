/** A whole host-agent with a real nats-server and a real gRPC stream, and the shard's side of its commands. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer, Storage } from "@tidepool/actors";
import { silentLogger, systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { openGuestSession } from "../guest/open-session.ts";
import { HostAgent } from "../host-agent.ts";
import type { Hypervisor } from "../hypervisor/hypervisor.ts";
import { FrontendClient } from "./frontend-client.ts";
import { zipOf } from "./zip.ts";

const { AssignRequest, AssignReply, KeepRequest, Ack, VmFact, HostHeartbeat, LogBatch } =
  tidepool.internal.v1;
const { WarmingTargets } = tidepool.internal.v1;
/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

export interface HarnessOptions {
  readonly makeHypervisor: (stateDir: string) => Hypervisor | Promise<Hypervisor>;
  readonly memoryMib?: number;
  readonly vmCountMax?: number;
  readonly vcpuMax?: number;
  readonly poolBaseTarget?: number;
  readonly logger?: Logger;
  readonly drainMoveMs?: number;
  /** Done before the agent starts. */
  readonly before?: (storage: Storage) => Promise<void>;
}

export interface AssignOptions {
  readonly name?: string;
  readonly version?: string;
  readonly requestId?: string;
  readonly assignmentId?: string;
  readonly epoch?: number;
  readonly digest?: string;
  readonly handler?: string;
  readonly runtime?: string;
  readonly memoryMib?: number;
  readonly environment?: Record<string, string>;
  readonly keepAliveMs?: number;
  readonly initTimeoutMs?: number;
  readonly snapshotInit?: boolean;
  readonly keepUntilMs?: number;
  readonly window?: { startAtMs: number; endAtMs: number };
}

export class HostHarness {
  readonly hostId = "h-1";
  readonly facts: tidepool.internal.v1.VmFact.$Properties[] = [];
  readonly heartbeats: tidepool.internal.v1.HostHeartbeat.$Properties[] = [];
  readonly logLines: tidepool.v1.LogLine.$Properties[] = [];
  readonly dir: string;
  readonly bus: Bus;
  readonly storage: Storage;
  nats: NatsServer;
  readonly hypervisor: Hypervisor;
  readonly agent: HostAgent;
  private opened: FrontendClient | undefined;
  private assignmentCount = 0;

  private constructor(parts: {
    dir: string;
    nats: NatsServer;
    bus: Bus;
    storage: Storage;
    hypervisor: Hypervisor;
    options: HarnessOptions;
  }) {
    this.dir = parts.dir;
    this.nats = parts.nats;
    this.bus = parts.bus;
    this.storage = parts.storage;
    this.hypervisor = parts.hypervisor;
    this.agent = new HostAgent({
      config: {
        hostId: this.hostId,
        address: "127.0.0.1:0",
        stateDir: parts.dir,
        memoryMib: parts.options.memoryMib ?? 8_192,
        vmCountMax: parts.options.vmCountMax ?? 16,
        poolBaseTarget: parts.options.poolBaseTarget ?? 0,
        ...(parts.options.vcpuMax !== undefined && { vcpuMax: parts.options.vcpuMax }),
      },
      bus: this.bus,
      storage: this.storage,
      hypervisor: this.hypervisor,
      openSession: openGuestSession,
      logger: parts.options.logger ?? silentLogger,
      ...(parts.options.drainMoveMs !== undefined && { drainMoveMs: parts.options.drainMoveMs }),
    });
    this.bus.subscribe(subjects.allVmFacts, VmFact, (fact) => void this.facts.push(fact));
    this.bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, (heartbeat) => {
      this.heartbeats.push(heartbeat);
    });
    this.bus.subscribe(subjects.allFunctionLogs, LogBatch, (batch) => {
      this.logLines.push(...(batch.lines ?? []));
    });
  }

  static async start(options: HarnessOptions): Promise<HostHarness> {
    const dir = await mkdtemp(join(tmpdir(), "tidepool-host-"));
    const nats = await startNatsServer({ storeDir: join(dir, "nats") });
    const bus = await connectBus({
      servers: nats.url,
      name: "host-agent test",
      component: "host",
      logger: silentLogger,
    });
    const storage = await ensureStorage(bus);
    await options.before?.(storage);
    const hypervisor = await options.makeHypervisor(dir);
    const harness = new HostHarness({ dir, nats, bus, storage, hypervisor, options });
    await harness.agent.start();
    return harness;
  }

  async stop(): Promise<void> {
    this.opened?.close();
    await this.agent.stop();
    const left = await this.hypervisor.list();
    await this.bus.close();
    await this.nats.stop();
    await rm(this.dir, { recursive: true, force: true });
    assert.deepEqual(left, [], "a domain was left");
  }

  /** Stops nats-server, does `meanwhile`, and starts it again where it was. */
  async restartNats(meanwhile: () => Promise<void>): Promise<void> {
    const port = Number(new URL(this.nats.url).port);
    await this.nats.stop();
    await this.until("nats-server lost", () => !this.bus.isConnected);
    await meanwhile();
    this.nats = await startNatsServer({ storeDir: join(this.dir, "nats"), port });
    await this.until("nats-server back", () => this.bus.isConnected);
    await this.bus.connection.flush();
  }

  get frontend(): FrontendClient {
    return (this.opened ??= new FrontendClient(this.agent.address));
  }

  /** Puts code in the store and answers its digest. */
  async upload(files: Readonly<Record<string, string>>): Promise<string> {
    const zip = zipOf(Object.entries(files).map(([path, content]) => ({ path, content })));
    return this.uploadZip(zip);
  }

  async uploadZip(zip: Buffer, name?: string): Promise<string> {
    const digest = name ?? createHash("sha256").update(zip).digest("hex");
    await this.storage.code.putBlob({ name: digest }, zip);
    return digest;
  }

  /** A shard's assignment; answers the VM's id. */
  async assign(options: AssignOptions = {}): Promise<string> {
    const { window } = options;
    const reply = await this.bus.request(
      "assign VM",
      subjects.assignVm(this.hostId),
      {
        codec: AssignRequest,
        message: AssignRequest.create({
          shard: 1,
          epoch: options.epoch ?? 1,
          assignmentId: options.assignmentId ?? options.requestId ?? `a-${++this.assignmentCount}`,
          requestId: options.requestId ?? "",
          function: {
            name: options.name ?? "echo",
            version: options.version ?? "1",
            codeDigest: `sha256:${options.digest ?? (await this.echoDigest())}`,
            settings: {
              runtime: options.runtime ?? "nodejs20",
              handler: options.handler ?? "index.handler",
              memoryMib: options.memoryMib ?? 128,
              environment: options.environment ?? {},
              keepAliveMs: options.keepAliveMs ?? 60_000,
              initTimeoutMs: options.initTimeoutMs ?? 0,
              snapshotInit: options.snapshotInit ?? false,
            },
          },
          ...(options.keepUntilMs === undefined
            ? {}
            : { keepUntil: toTimestamp(options.keepUntilMs) }),
          ...(window === undefined
            ? {}
            : {
                window: {
                  startAt: toTimestamp(window.startAtMs),
                  endAt: toTimestamp(window.endAtMs),
                  expectedAt: toTimestamp(window.startAtMs),
                  count: 1,
                  degree: 0.9,
                },
              }),
        }),
      },
      AssignReply,
    );
    return reply.vmId ?? "";
  }

  async keep(options: {
    name: string;
    count: number;
    keepUntilMs: number;
    epoch?: number;
    sentAtMs?: number;
    /** With it the command is about the floor alone. */
    floor?: { count: number; untilMs: number };
  }): Promise<void> {
    await this.bus.request(
      "keep VMs",
      subjects.keepVms(this.hostId),
      {
        codec: KeepRequest,
        message: KeepRequest.create({
          shard: 1,
          epoch: options.epoch ?? 1,
          functionName: options.name,
          count: options.count,
          keepUntil: toTimestamp(options.keepUntilMs),
          sentAt: toTimestamp(options.sentAtMs ?? Date.now()),
          ...(options.floor === undefined
            ? {}
            : {
                version: "1",
                floorCount: options.floor.count,
                floorUntil: toTimestamp(options.floor.untilMs),
              }),
        }),
      },
      Ack,
    );
  }

  /** Sets the warming target of nodejs20 with 128 MiB. */
  target(target: number, options: { memoryMib?: number; epoch?: number } = {}): void {
    const { memoryMib = 128, epoch = 1 } = options;
    const hosts = [{ hostId: this.hostId, target }];
    this.bus.publish(
      subjects.warmingTargets,
      WarmingTargets,
      WarmingTargets.create({
        epoch,
        configs: [{ runtime: "nodejs20", memoryMib, target, hosts }],
      }),
    );
  }

  /** Waits for a level; fails with what it last saw. */
  async until(what: string, look: () => unknown, maxMs = conditionMaxMs): Promise<void> {
    const deadlineAtMs = Date.now() + maxMs;
    while (look() !== true) {
      if (Date.now() > deadlineAtMs) {
        const vms = this.agent.fleet.all().map(({ vmId, phase }) => `${vmId} ${phase}`);
        throw new Error(`not in ${maxMs} ms: ${what}; VMs: ${vms.join(", ")}`);
      }
      await systemClock.sleep(5);
    }
  }

  count(phase: string): number {
    return this.agent.fleet.all().filter((vm) => vm.phase === phase).length;
  }

  /** What was said of a VM, in order. */
  phasesOf(vmId: string): string[] {
    return this.facts.filter((fact) => fact.vmId === vmId).map(({ phase }) => phase ?? "");
  }

  async acquireAndInvoke(
    name: string,
    payload: unknown,
    options: AssignOptions & { timeoutMs?: number; deadlineMs?: number } = {},
  ) {
    const requestId = `acquired-${++this.assignmentCount}`;
    const vmId = await this.assign({ name, requestId, ...options });
    return this.frontend.invoke(name, payload, {
      requestId,
      vmId,
      version: options.version ?? "1",
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
      ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    });
  }

  private echo: Promise<string> | undefined;

  private echoDigest(): Promise<string> {
    return (this.echo ??= this.upload({
      "index.js": "exports.handler = async (event) => event;\n",
    }));
  }
}
