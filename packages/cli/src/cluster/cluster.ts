/**
 * A cluster on one machine: each process on a machine of its own in a network that can be cut, started again
 * when it dies. For trying what a cluster does, and for the tests of it.
 */
import { mkdir } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectBus, ensureStorage } from "@tidepool/actors";
import { silentLogger, systemClock, TidepoolError, tlsFilesIn } from "@tidepool/common";
import type { TlsFiles } from "@tidepool/common";
import { issueInto, services } from "../certs/cert-folder.ts";
import type { Member, Service } from "../certs/cert-folder.ts";
import { flagsOf, startService } from "../up/service-process.ts";
import type { RunningProcess } from "../up/service-process.ts";
import { Supervisor } from "../up/supervisor.ts";
import { readyMaxMs } from "../up/system.ts";
import { natsConfig, natsPort } from "./nats-config.ts";
import { startNatsProcess } from "./nats-process.ts";
import { Network } from "./network.ts";

export interface ClusterOptions {
  readonly folder: string;
  readonly nats: number;
  readonly frontends: number;
  readonly schedulers: number;
  readonly hosts: number;
  readonly hypervisor: "qemu" | "libvirt" | "simulated";
  /** Beside what follows from the above; for every service. */
  readonly env?: NodeJS.ProcessEnv;
  /** Beside all that, for the service on this machine alone. */
  readonly envOf?: (name: string) => NodeJS.ProcessEnv;
  /** Takes lines for people. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export const frontendPort = 7070;
const httpPort = 7080;
const hostPort = 7071;
/** An election among nats-servers on a slow machine. */
const leaderMaxMs = 60_000;
const pollMs = 200;
/** Of the machine's, for VMs. */
const memoryShare = 0.75;
const operatorId = "operator";
const certificateDays = 30;
const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..");

export class Cluster {
  readonly network: Network;
  /** "nats-1" … and the others, as their machines are called. */
  readonly names: readonly string[];
  /** Rejects when a process cannot be kept running. */
  readonly failed: Promise<never>;
  readonly #options: ClusterOptions;
  readonly #supervisor: Supervisor;
  readonly #running = new Map<string, RunningProcess>();

  private constructor(options: ClusterOptions, network: Network, names: readonly string[]) {
    this.#options = options;
    this.network = network;
    this.names = names;
    this.#supervisor = new Supervisor(options.say);
    this.failed = this.#supervisor.failed;
  }

  static async start(options: ClusterOptions): Promise<Cluster> {
    const names = [
      ...numbered("nats", options.nats),
      ...numbered("scheduler", options.schedulers),
      ...numbered("host", options.hosts),
      ...numbered("frontend", options.frontends),
    ];
    const cluster = new Cluster(options, await Network.create(names, options.folder), names);
    try {
      await cluster.#start();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** host:port of each frontend. */
  get addresses(): readonly string[] {
    return this.#of("frontend").map((name) => `${this.network.address(name)}:${frontendPort}`);
  }

  get natsUrl(): string {
    return this.#of("nats")
      .map((name) => `nats://${this.network.address(name)}:${natsPort}`)
      .join(",");
  }

  /** For an operator's connection to NATS. */
  get tls(): TlsFiles {
    return this.#tls(operatorId, "client");
  }

  /** Of the process that runs now. */
  pid(name: string): number {
    const running = this.#running.get(name);
    if (running === undefined)
      throw new TidepoolError("notFound", `no '${name}'; there are ${this.names.join(", ")}`);
    return running.pid;
  }

  /** Ends it and its process group at once, not what it has set free, as VMs are; it is started again soon after. Resolves when it has ended. */
  async kill(name: string): Promise<void> {
    this.pid(name);
    const running = this.#running.get(name);
    running?.kill();
    await running?.exited;
  }

  /** The same, and it stays down until `startPart`. */
  async stopPart(name: string): Promise<void> {
    this.pid(name);
    this.#supervisor.hold(name);
    await this.kill(name);
  }

  /** Ends all that runs on its machine, VMs too, at once; it stays off until `startPart`. */
  async powerOff(name: string): Promise<void> {
    await this.stopPart(name);
    for (const pid of await this.network.processes(name)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it has ended meanwhile
      }
    }
  }

  /** Resolves when it serves again. */
  async startPart(name: string): Promise<void> {
    const before = this.pid(name);
    this.#supervisor.release(name);
    await this.#untilAnother(name, before);
  }

  /** Stops it as an operator would, and resolves when it serves again. */
  async restart(name: string): Promise<void> {
    const before = this.pid(name);
    process.kill(before, "SIGTERM");
    await this.#untilAnother(name, before);
  }

  async #untilAnother(name: string, before: number): Promise<void> {
    const deadlineAtMs = systemClock.nowMs() + readyMaxMs;
    while (this.pid(name) === before) {
      if (systemClock.nowMs() > deadlineAtMs)
        throw new TidepoolError("unavailable", `${name} did not come back in ${readyMaxMs} ms`);
      await systemClock.sleep(pollMs, this.#options.signal);
    }
  }

  /** Stops the processes in order, then the network; idempotent. */
  async stop(): Promise<void> {
    await this.#supervisor.stop();
    await this.network.remove();
  }

  async #start(): Promise<void> {
    const { folder } = this.#options;
    await mkdir(join(folder, "logs"), { recursive: true, mode: 0o700 });
    await issueInto(join(folder, "certs"), this.#members, certificateDays);
    await Promise.all(this.#of("nats").map((name) => this.#startNats(name)));
    await this.#untilLeader();
    const others = this.names.filter((name) => !name.startsWith("nats-"));
    await Promise.all(others.map((name) => this.#startService(name)));
  }

  async #startNats(name: string): Promise<void> {
    const members = this.#of("nats").map((each) => ({
      name: each,
      address: this.network.address(each),
    }));
    const member = { name, address: this.network.address(name) };
    const folder = join(this.#options.folder, name);
    await this.#keep(name, (signal) =>
      startNatsProcess({
        member,
        config: natsConfig(
          member,
          members,
          join(folder, "jetstream"),
          this.#tls(name, "nats"),
          this.#members,
        ),
        launcher: this.network.launcher(name),
        folder,
        logPath: this.#logPath(name),
        signal,
      }),
    );
  }

  /** Before there is one, nothing can be stored. */
  async #untilLeader(): Promise<void> {
    const deadlineAtMs = systemClock.nowMs() + leaderMaxMs;
    const bus = await connectBus({
      servers: this.natsUrl,
      replicas: this.#options.nats,
      tls: this.tls,
      name: "cluster",
      component: "client",
      logger: silentLogger,
    });
    try {
      for (;;) {
        try {
          await ensureStorage(bus);
          return;
        } catch (error) {
          if (systemClock.nowMs() > deadlineAtMs)
            throw new TidepoolError("unavailable", "the nats-servers found no leader", {
              cause: error,
            });
          await systemClock.sleep(pollMs, this.#options.signal);
        }
      }
    } finally {
      await bus.close();
    }
  }

  async #startService(name: string): Promise<void> {
    const kind = serviceOf(name);
    const service = kind === "host" ? "host-agent" : kind;
    const address = this.network.address(name);
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      TIDEPOOL_NATS_URL: this.natsUrl,
      TIDEPOOL_NATS_REPLICAS: String(this.#options.nats),
      TIDEPOOL_TLS_DIR: this.#tlsFolder(name, kind),
      TIDEPOOL_SCHEDULER_ID: name,
      TIDEPOOL_HOST_ID: name,
      TIDEPOOL_HOST_ADDRESS: `${address}:${hostPort}`,
      TIDEPOOL_FRONTEND_ADDRESS: `${address}:${frontendPort}`,
      TIDEPOOL_HTTP_ADDRESS: `${address}:${httpPort}`,
      TIDEPOOL_HYPERVISOR: this.#options.hypervisor,
      TIDEPOOL_STATE_DIR: join(this.#options.folder, name),
      ...this.#shareOfMemory(),
      ...this.#options.env,
      ...this.#options.envOf?.(name),
    };
    await this.#keep(name, (signal) =>
      startService({
        name,
        main: join(root, "services", service, "dist", "main.js"),
        flags: flagsOf(service),
        launcher: this.network.launcher(name),
        env,
        logPath: this.#logPath(name),
        readyMaxMs,
        signal,
      }),
    );
  }

  /** Hosts of one machine share its memory; each would take itself to be alone there. Simulated VMs take none. */
  #shareOfMemory(): NodeJS.ProcessEnv {
    const { hypervisor, hosts } = this.#options;
    if (hypervisor === "simulated" || process.env["TIDEPOOL_MEMORY_MIB"] !== undefined) return {};
    const memoryMib = Math.floor((totalmem() / 1024 / 1024) * (memoryShare / hosts));
    return { TIDEPOOL_MEMORY_MIB: String(memoryMib) };
  }

  async #keep(
    name: string,
    start: (signal: AbortSignal) => Promise<RunningProcess>,
  ): Promise<void> {
    const started = async (signal: AbortSignal): Promise<RunningProcess> => {
      const running = await start(signal);
      this.#running.set(name, running);
      return running;
    };
    await this.#supervisor.start({ name, start: started }, this.#options.signal);
    this.#options.say(`  ${name.padEnd(12)} ${this.network.address(name)}`);
  }

  get #members(): readonly Member[] {
    const machines = this.names.map((name) => ({
      service: serviceOf(name),
      id: name,
      addresses: [this.network.address(name)],
    }));
    return [...machines, { service: "client", id: operatorId, addresses: [] }];
  }

  #tlsFolder(id: string, service: Service): string {
    return join(this.#options.folder, "certs", `${id}.${service}`);
  }

  #tls(id: string, service: Service): TlsFiles {
    return tlsFilesIn(this.#tlsFolder(id, service));
  }

  #of(kind: string): readonly string[] {
    return this.names.filter((name) => name.startsWith(`${kind}-`));
  }

  #logPath(name: string): string {
    return join(this.#options.folder, "logs", `${name}.log`);
  }
}

function serviceOf(name: string): Service {
  const kind = name.slice(0, name.lastIndexOf("-"));
  const service = services.find((each) => each === kind);
  if (service === undefined) throw new TidepoolError("notFound", `no machine is called '${name}'`);
  return service;
}

function numbered(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`);
}
