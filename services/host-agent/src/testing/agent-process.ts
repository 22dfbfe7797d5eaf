/**
 * A host-agent as a process that a test may kill and start again, with a shard and a frontend that the test
 * speaks for, on a nats-server of its own.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { FrontendClient } from "./frontend-client.ts";
import type { CallAnswer } from "./frontend-client.ts";
import { zipOf } from "./zip.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
const { AssignRequest, AssignReply, HostHeartbeat, LogBatch } = tidepool.internal.v1;
const callMaxMs = 60_000;
/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

export class AgentProcess {
  readonly hostId = "h-adopt";
  readonly dir: string;
  heartbeat: tidepool.internal.v1.HostHeartbeat.$Properties = {};
  /** What functions have printed. */
  readonly printed: string[] = [];
  /** What the running process has logged. */
  log: Record<string, unknown>[] = [];
  private readonly nats: NatsServer;
  private readonly bus: Bus;
  private readonly digest: string;
  private agent: ChildProcess | undefined;
  private frontend: FrontendClient | undefined;

  private constructor(dir: string, nats: NatsServer, bus: Bus, digest: string) {
    this.dir = dir;
    this.nats = nats;
    this.bus = bus;
    this.digest = digest;
    bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, (message) => {
      this.heartbeat = message;
    });
    bus.subscribe(subjects.allFunctionLogs, LogBatch, ({ lines }) => {
      this.printed.push(...(lines ?? []).map(({ text }) => text ?? ""));
    });
  }

  /** Everything but the host-agent itself. @param source of index.js, of every function */
  static async prepare(source: string): Promise<AgentProcess> {
    const dir = await mkdtemp(join(tmpdir(), "tp-adopt-"));
    const nats = await startNatsServer({ storeDir: join(dir, "nats") });
    const name = { name: "test", component: "scheduler" } as const;
    const bus = await connectBus({ servers: nats.url, ...name, logger: silentLogger });
    const storage = await ensureStorage(bus);
    const zip = zipOf([{ path: "index.js", content: source }]);
    const digest = createHash("sha256").update(zip).digest("hex");
    await storage.code.putBlob({ name: digest }, zip);
    return new AgentProcess(dir, nats, bus, digest);
  }

  /** Resolves when it serves. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.log = [];
    this.heartbeat = {};
    const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", main], {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        ...process.env,
        TIDEPOOL_NATS_URL: this.nats.url,
        TIDEPOOL_HOST_ID: this.hostId,
        TIDEPOOL_ACCELERATOR: "tcg",
        TIDEPOOL_STATE_DIR: this.dir,
        TIDEPOOL_POOL_BASE_TARGET: "1",
        ...env,
      },
    });
    this.agent = child;
    const address = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (text) => {
        const line = JSON.parse(text) as Record<string, unknown>;
        this.log.push(line);
        if (line["msg"] === "ready") resolve(String(line["address"]));
      });
      child.once("exit", () => reject(new Error(`ended: ${JSON.stringify(this.log)}`)));
    });
    this.frontend = new FrontendClient(address);
  }

  /** Of the host-agent alone; resolves when it is gone. Idempotent. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const { agent } = this;
    if (agent !== undefined && agent.exitCode === null && agent.signalCode === null) {
      const exited = once(agent, "exit");
      agent.kill(signal);
      await exited;
    }
    this.frontend?.close();
  }

  async dispose(): Promise<void> {
    await this.end("SIGTERM");
    await this.bus.close();
    await this.nats.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** For a call of that name; answers the VM's id. */
  async assign(
    name: string,
    { epoch = 1, ...settings }: { epoch?: number; snapshotInit?: boolean } = {},
  ): Promise<string> {
    const common = { runtime: "nodejs20", handler: "index.handler" };
    const message = AssignRequest.create({
      shard: 0,
      epoch,
      assignmentId: name,
      requestId: name,
      function: {
        name,
        version: "1",
        codeDigest: this.digest,
        settings: { ...common, ...settings },
      },
      keepUntil: toTimestamp(Date.now() + 600_000),
    });
    const request = { codec: AssignRequest, message };
    const subject = subjects.assignVm(this.hostId);
    const reply = await this.bus.request("assign VM", subject, request, AssignReply);
    return reply.vmId ?? "";
  }

  invoke(name: string, payload: object, vmId = ""): Promise<CallAnswer> {
    assert.ok(this.frontend);
    return this.frontend.invoke(name, payload, { requestId: name, vmId, timeoutMs: callMaxMs });
  }

  async until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadlineAtMs = Date.now() + conditionMaxMs; !(await look()); await sleep(50)) {
      const seen = JSON.stringify([this.heartbeat, this.log.slice(-5)]);
      assert.ok(Date.now() < deadlineAtMs, `not seen: ${what}; ${seen}`);
    }
  }

  /** When each VM that waits was written down last. */
  async records(): Promise<ReadonlyMap<string, number>> {
    const folder = join(this.dir, this.hostId, "records");
    const writtenAtMs = new Map<string, number>();
    for (const name of await readdir(folder).catch(() => [])) {
      if (!name.endsWith(".json")) continue;
      const file = await stat(join(folder, name)).catch(() => undefined); // it went meanwhile
      if (file !== undefined) writtenAtMs.set(name.slice(0, -".json".length), file.mtimeMs);
    }
    return writtenAtMs;
  }

  get pooledCount(): number {
    return this.heartbeat.pools?.[0]?.ready ?? 0;
  }

  logged(text: string): Record<string, unknown> | undefined {
    return this.log.find(({ msg }) => msg === text);
  }
}
