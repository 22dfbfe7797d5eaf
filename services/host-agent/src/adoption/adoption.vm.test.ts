/** A host-agent that is killed, as a process, and the one that takes its place: real VMs go on. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { findDomains } from "../qemu/domains-on-host.ts";
import { FrontendClient } from "../testing/frontend-client.ts";
import type { CallAnswer } from "../testing/frontend-client.ts";
import { zipOf } from "../testing/zip.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
const { AssignRequest, AssignReply, HostHeartbeat } = tidepool.internal.v1;
const hostId = "h-adopt";
const countCalls = `
let calls = 0;
exports.handler = async ({ runMs = 0 }) => {
  await new Promise((resolve) => setTimeout(resolve, runMs));
  return (calls += 1);
};`;

describe("A host-agent that takes the place of one that was killed", function () {
  let dir: string;
  let nats: NatsServer;
  let bus: Bus;
  let digest: string;
  let agent: ChildProcess | undefined;
  let frontend: FrontendClient | undefined;
  let heartbeat: tidepool.internal.v1.HostHeartbeat.$Properties = {};
  let log: Record<string, unknown>[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tp-adopt-"));
    nats = await startNatsServer({ storeDir: join(dir, "nats") });
    const name = { name: "test", component: "scheduler" } as const;
    bus = await connectBus({ servers: nats.url, ...name, logger: silentLogger });
    bus.subscribe(subjects.allHostHeartbeats, HostHeartbeat, (message) => {
      heartbeat = message;
    });
    const storage = await ensureStorage(bus);
    const zip = zipOf([{ path: "index.js", content: countCalls }]);
    digest = createHash("sha256").update(zip).digest("hex");
    await storage.code.putBlob({ name: digest }, zip);
  });
  after(async () => {
    await end("SIGTERM");
    assert.deepEqual(await findDomains(join(dir, hostId, "vms")), [], "a VM was left");
    await bus.close();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const start = async (): Promise<void> => {
    log = [];
    heartbeat = {};
    const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", main], {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        ...process.env,
        TIDEPOOL_NATS_URL: nats.url,
        TIDEPOOL_HOST_ID: hostId,
        TIDEPOOL_ACCELERATOR: "tcg",
        TIDEPOOL_STATE_DIR: dir,
        TIDEPOOL_POOL_BASE_TARGET: "1",
      },
    });
    agent = child;
    const address = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stderr }).on("line", (text) => {
        const line = JSON.parse(text) as Record<string, unknown>;
        log.push(line);
        if (line["msg"] === "ready") resolve(String(line["address"]));
      });
      child.once("exit", () => reject(new Error(`ended: ${JSON.stringify(log)}`)));
    });
    frontend = new FrontendClient(address);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    frontend?.close();
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return;
    const exited = once(agent, "exit");
    agent.kill(signal);
    await exited;
  };
  const assign = async (name: string): Promise<string> => {
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    const message = AssignRequest.create({
      shard: 0,
      epoch: 1,
      assignmentId: name,
      requestId: name,
      function: { name, version: "1", codeDigest: digest, settings },
      keepUntil: toTimestamp(Date.now() + 600_000),
    });
    const request = { codec: AssignRequest, message };
    const reply = await bus.request("assign VM", subjects.assignVm(hostId), request, AssignReply);
    return reply.vmId ?? "";
  };
  const invoke = (name: string, payload: object, vmId = ""): Promise<CallAnswer> => {
    assert.ok(frontend);
    return frontend.invoke(name, payload, { requestId: name, vmId, timeoutMs: 60_000 });
  };
  const until = async (what: string, look: () => boolean | Promise<boolean>): Promise<void> => {
    for (const deadlineAtMs = Date.now() + 60_000; !(await look()); await sleep(50)) {
      assert.ok(Date.now() < deadlineAtMs, `${what}: ${JSON.stringify(heartbeat)}`);
    }
  };
  const records = (): Promise<readonly string[]> => readdir(join(dir, hostId, "records"));
  const idleOf = (name: string): number =>
    heartbeat.functions?.find((each) => each.name === name)?.idle ?? 0;

  it("adopts idle and pooled VMs as they were, destroys one with a call in it, and a stop leaves none", async () => {
    await start();
    const [kept, busy] = [await assign("kept"), await assign("busy")];
    assert.equal((await invoke("kept", {}, kept)).value, 1);
    assert.equal((await invoke("busy", {}, busy)).value, 1);
    await until("all wait", async () => {
      const isFull = heartbeat.pools?.[0]?.ready === 1 && heartbeat.vmCount === 3;
      return isFull && (await records()).length === 3;
    });
    void invoke("busy", { runMs: 60_000 });
    await until("busy", () => (heartbeat.pools?.[0]?.busy ?? 0) === 1);

    await end("SIGKILL");
    await start();
    const told = log.find(({ msg }) => msg === "VMs of an earlier process");
    assert.deepEqual(told?.["destroyed"], [busy]);
    const adopted = told["adopted"];
    assert.ok(Array.isArray(adopted) && adopted.length === 2 && adopted.includes(kept));
    await until("adopted", () => idleOf("kept") === 1 && heartbeat.pools?.[0]?.ready === 1);
    const answer = await invoke("kept", {});
    assert.equal(answer.value, 2, "its memory is that of before");
    assert.equal(answer.message.result?.start, tidepool.v1.Start.START_WARM);

    await until("paused again", async () => (await records()).length === 2 && idleOf("kept") === 1);
    await sleep(1_000);
    await end("SIGKILL");
    await start();
    const again = log.filter(({ msg }) => String(msg).includes("VM"));
    assert.equal((await invoke("kept", {})).value, 3, JSON.stringify(again));
  });
});
