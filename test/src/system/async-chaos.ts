/**
 * Many accepted calls while their frontend is killed again and again: a real nats-server, the frontend as a
 * process of its own, scheduler and host here, with simulated VMs whose every invocation is watched.
 *
 * What could go wrong: a call is lost between its acceptance and its result, or one runs in two VMs at once,
 * because a frontend took it over while the killed one's invocation was still going on in its VM.
 */
import { mkdtemp, rm } from "node:fs/promises";
import type { ChildProcess } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import { Keyring, newKey, silentLogger, systemClock, TidepoolError } from "@tidepool/common";
import { HostAgent, openGuestSession, SimulatedHypervisor } from "@tidepool/host-agent";
import { Scheduler } from "@tidepool/scheduler";
import { TidepoolClient } from "@tidepool/sdk";
import { echoZip } from "./a-system.ts";
import { endProcess, startService } from "./running-system.ts";
import type { ServiceName } from "./running-system.ts";
import { WatchedSessions } from "./watched-sessions.ts";

export interface ChaosOptions {
  readonly callCount: number;
  readonly killCount: number;
  readonly say?: (line: string) => void;
}

export interface ChaosResult {
  readonly acceptedCount: number;
  /** Calls whose status and result are there, and right. */
  readonly goodCount: number;
  readonly lostCount: number;
  /** Calls that were begun in a VM more than once, one after the other: at least once allows it. */
  readonly repeatedCount: number;
  /** Calls that ran twice at the same time. */
  readonly overlapCount: number;
  /** Accepted again under their key, and answered with the known call. */
  readonly duplicateCount: number;
  readonly killCount: number;
  readonly acceptMs: number;
  readonly totalMs: number;
}

const functionNames = ["a", "b", "c", "d"];
const shardCount = 4;
const acceptsAtOnce = 64;
const runMs = 40;
/** The first calls run longer than a lost frontend keeps its claims: left alone, they would still run when another begins them. */
const longCallCount = 8;
const longRunMs = 28_000;
const endMaxMs = 180_000;

export async function asyncChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { callCount, say = () => {} } = options;
  const system = await startChaos();
  try {
    const beganAtMs = Date.now();
    const accepted: Accepted = { ids: [], count: 0, duplicateCount: 0 };
    const killing = killInTurn(system, accepted, options);
    await acceptAll(system, callCount, accepted);
    const acceptMs = Date.now() - beganAtMs;
    say(`${accepted.count} calls accepted in ${acceptMs} ms`);
    await killing;
    const goodCount = await waitForAll(system, accepted.ids);
    const { repeatedCount, overlapCount } = system.sessions;
    return {
      acceptedCount: accepted.count,
      goodCount,
      lostCount: callCount - goodCount,
      repeatedCount,
      overlapCount,
      duplicateCount: accepted.duplicateCount,
      killCount: options.killCount,
      acceptMs,
      totalMs: Date.now() - beganAtMs,
    };
  } finally {
    await system.stop();
  }
}

interface Accepted {
  /** By the call's number. */
  readonly ids: string[];
  count: number;
  duplicateCount: number;
}

interface ChaosSystem {
  readonly address: string;
  readonly sessions: WatchedSessions;
  killFrontend(): Promise<void>;
  startFrontend(): Promise<void>;
  connect(): Promise<TidepoolClient>;
  stop(): Promise<void>;
}

async function startChaos(): Promise<ChaosSystem> {
  const dir = await mkdtemp(join(tmpdir(), "tidepool-chaos-"));
  const nats = await startNatsServer({ storeDir: join(dir, "nats") });
  const logger = silentLogger;
  const connectTo = (component: "host" | "scheduler") =>
    connectBus({ servers: nats.url, name: component, component, logger });
  const [hostBus, schedulerBus] = await Promise.all([connectTo("host"), connectTo("scheduler")]);
  const sessions = new WatchedSessions(openGuestSession, shortened);
  const agent = new HostAgent({
    config: {
      hostId: "h-1",
      address: "127.0.0.1:0",
      stateDir: join(dir, "host"),
      memoryMib: 65_536,
      vmCountMax: 64,
      poolBaseTarget: 8,
    },
    bus: hostBus,
    storage: await ensureStorage(hostBus),
    hypervisor: new SimulatedHypervisor({ seed: 1, bootMs: 20, cloneMs: 20 }),
    openSession: (domain, sessionOptions) => sessions.open(domain, sessionOptions),
    logger,
    keyring: new Keyring(newKey()),
  });
  await agent.start();
  const scheduler = new Scheduler({
    bus: schedulerBus,
    storage: await ensureStorage(schedulerBus),
    schedulerId: "s-1",
    shardCount,
    warmingPolicy: { base: 8, floor: 1, ceiling: 16 },
    logger,
  });
  await scheduler.start();
  const processes = new Map<ServiceName, ChildProcess>();
  let address = "127.0.0.1:0";
  const startFrontend = async (): Promise<void> => {
    const env = {
      ...process.env,
      TIDEPOOL_NATS_URL: nats.url,
      TIDEPOOL_FRONTEND_ADDRESS: address,
      TIDEPOOL_HTTP_ADDRESS: "127.0.0.1:0",
      TIDEPOOL_STATE_DIR: join(dir, "frontend"),
      TIDEPOOL_SHARD_COUNT: String(shardCount),
      TIDEPOOL_LOG_LEVEL: "info",
    };
    address = String((await startService("frontend", env, processes))["address"]);
  };
  await startFrontend();
  const connect = (): Promise<TidepoolClient> => TidepoolClient.connect(address);
  const client = await connect();
  for (const name of functionNames) {
    await client.createFunction(name, { runtime: "nodejs20", handler: "index.handler" });
    await client.uploadCode(name, echoZip);
  }
  client.close();
  return {
    address,
    sessions,
    connect,
    startFrontend,
    async killFrontend() {
      const child = processes.get("frontend");
      if (child === undefined) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
    async stop() {
      await endProcess(processes.get("frontend"));
      await scheduler.stop();
      await agent.stop();
      await Promise.all([hostBus.close(), schedulerBus.close()]);
      await nats.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Nobody watches how long a call runs that was begun once more: only whether it had ended before. */
function shortened<R extends { readonly payload: Uint8Array }>(request: R): R {
  const asked = JSON.parse(Buffer.from(request.payload).toString()) as object;
  return { ...request, payload: Buffer.from(JSON.stringify({ ...asked, simulated: { runMs } })) };
}

/** First when some calls run and others are being accepted, then when a share of them has been begun. */
async function killInTurn(
  system: ChaosSystem,
  accepted: Accepted,
  { killCount, callCount, say = () => {} }: ChaosOptions,
): Promise<void> {
  for (let kill = 1; kill <= killCount; kill++) {
    const share = (callCount * kill) / (killCount + 2);
    const reached = (): number => (kill === 1 ? accepted.count : system.sessions.callCount);
    const isTime = (): boolean => reached() >= share && system.sessions.callCount >= longCallCount;
    while (!isTime()) await systemClock.sleep(5);
    say(`kill ${kill}: ${accepted.count} accepted, ${system.sessions.callCount} begun`);
    await system.killFrontend();
    await system.startFrontend();
  }
}

/** A call whose answer was lost is sent again under its key, as often as it takes. */
async function acceptAll(system: ChaosSystem, callCount: number, done: Accepted): Promise<void> {
  const client = await system.connect();
  let next = 0;
  const acceptOne = async (n: number): Promise<void> => {
    const name = functionNames[n % functionNames.length] ?? "";
    for (;;) {
      try {
        const payload = { n, simulated: { runMs: n < longCallCount ? longRunMs : runMs } };
        const accepted = await client.invokeAsync(name, payload, { dedupeKey: `key-${n}` });
        done.ids[n] = accepted.requestId;
        done.count += 1;
        if (accepted.isDuplicate) done.duplicateCount += 1;
        return;
      } catch (thrown) {
        if (!TidepoolError.from(thrown).retryable) throw thrown;
        await systemClock.sleep(100);
      }
    }
  };
  const work = async (): Promise<void> => {
    while (next < callCount) await acceptOne(next++);
  };
  await Promise.all(Array.from({ length: acceptsAtOnce }, work));
  client.close();
}

/** How many have succeeded with their own payload as the answer. */
async function waitForAll(system: ChaosSystem, ids: readonly string[]): Promise<number> {
  const client = await system.connect();
  const endsAtMs = Date.now() + endMaxMs;
  let goodCount = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < ids.length) {
      const n = next++;
      const timeoutMs = Math.max(1_000, endsAtMs - Date.now());
      const call = await client
        .waitForInvocation(ids[n] ?? "", { timeoutMs })
        .catch(() => undefined);
      const answer = call?.payload as { readonly n?: number } | undefined;
      if (call?.status === "succeeded" && answer?.n === n) goodCount += 1;
    }
  };
  await Promise.all(Array.from({ length: acceptsAtOnce }, work));
  client.close();
  return goodCount;
}
