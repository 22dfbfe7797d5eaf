/**
 * One, two and three schedulers over a fleet that is only messages: how many VMs are ordered for calls a second,
 * and how long one takes at a rate that one scheduler bears easily. Schedulers, hosts and nats-server are
 * processes; calls come from this one.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import { silentLogger, TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { Report } from "./report.ts";
import { quantile, rowOf } from "./stats.ts";

const { AcquireReply, AcquireRequest, ForecastRequest, FunctionRecord } = tidepool.internal.v1;
const hostCount = Number(process.env["BENCH_HOSTS"] ?? 1_000);
const vmsEach = 10;
const functionCount = Number(process.env["BENCH_FUNCTIONS"] ?? 100_000);
const measureMs = 1_000 * Number(process.env["BENCH_SECONDS"] ?? 10);
const settings = { runtime: "nodejs20", memoryMib: 128, vcpuCount: 1, keepAliveMs: 600_000 };
const atOnceMax = 256;
const steadyPerSecond = 100;
const putsAtOnce = 500;
const ownedMaxMs = 60_000;
const againMs = 50;
const warmUpMs = 4_000;
/** Of Linux's processor times. */
const ticksPerSecond = 100;

interface Measured {
  readonly perSecond: number;
  /** Orders in a second of processor time of the schedulers, times their number. */
  readonly perProcessorSecond: number;
  readonly steadyMs: readonly number[];
}

export async function benchCluster(): Promise<Report> {
  const storeDir = await mkdtemp(join(tmpdir(), "tidepool-bench-"));
  const server = await startNatsServer({ storeDir });
  const bus = await connectBus({
    servers: server.url,
    name: "bench",
    component: "frontend",
    logger: silentLogger,
  });
  const children: ChildProcess[] = [];
  try {
    await putFunctions(bus);
    const fleet = spawn(
      process.execPath,
      [
        ...process.execArgv,
        pathOf("./fleet.ts"),
        server.url,
        ...[hostCount, vmsEach, functionCount].map(String),
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    children.push(fleet);
    await once(fleet.stdout, "data");
    const schedulers: ChildProcess[] = [];
    const measured: Measured[] = [];
    for (const count of [1, 2, 3]) {
      const main = pathOf("../../services/scheduler/dist/main.js");
      const scheduler = spawn(process.execPath, [main], {
        stdio: "ignore",
        env: {
          ...process.env,
          TIDEPOOL_NATS_URL: server.url,
          TIDEPOOL_SCHEDULER_ID: `s-${count}`,
        },
      });
      schedulers.push(scheduler);
      children.push(scheduler);
      await sleep(count === 1 ? 1_000 : 8_000); // the newcomer reads the functions, then takes its share
      await untilOwned(bus);
      measured.push(await measure(bus, schedulers));
    }
    const [one, two, three] = measured;
    if (one === undefined || two === undefined || three === undefined)
      throw new Error("not measured");
    const ratio = (what: string, value: number, atLeast: number) => ({
      what,
      value,
      unit: "times one's",
      bound: { atLeast },
    });
    return {
      title: `${hostCount} hosts, ${hostCount * vmsEach} VMs, ${functionCount} functions`,
      accelerator: "none, hosts are messages",
      rows: measured.map(({ steadyMs }, at) =>
        rowOf(`an order, ${at + 1} schedulers, ${steadyPerSecond} a second`, steadyMs),
      ),
      claims: [
        ratio("orders a second of two schedulers", two.perSecond / one.perSecond, 1.7),
        ratio(
          "the same by their processor time",
          two.perProcessorSecond / one.perProcessorSecond,
          1.7,
        ),
        ratio("orders a second of three schedulers", three.perSecond / one.perSecond, 1.7),
        { what: "orders of one", value: one.perSecond, unit: "a second", bound: { atLeast: 0 } },
        {
          what: "p99 of an order with three",
          value: quantile(three.steadyMs, 0.99),
          unit: "ms",
          bound: { atMost: 20 },
        },
      ],
    };
  } finally {
    for (const child of children) {
      child.kill("SIGKILL");
    }
    await bus.close();
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

async function putFunctions(bus: Bus): Promise<void> {
  const storage = await ensureStorage(bus);
  for (let from = 0; from < functionCount; from += putsAtOnce) {
    const names = Array.from(
      { length: Math.min(putsAtOnce, functionCount - from) },
      (_, index) => `f-${from + index}`,
    );
    await Promise.all(
      names.map((name) =>
        storage.functions.put(
          name,
          FunctionRecord.encode({
            function: { name, version: "1", codeDigest: "sha256:1", settings },
          }).finish(),
        ),
      ),
    );
  }
}

async function untilOwned(bus: Bus): Promise<void> {
  const deadlineAtMs = performance.now() + ownedMaxMs;
  for (let shard = 0; shard < subjects.shardCountDefault;) {
    if (performance.now() > deadlineAtMs) throw new Error(`nobody owns shard ${shard}`);
    const message = ForecastRequest.create({ functionName: "nobody" });
    const isOwned = await bus
      .request(
        "get forecast",
        subjects.getForecast(shard),
        { codec: ForecastRequest, message },
        tidepool.v1.GetForecastResponse,
      )
      .then(
        () => true,
        () => false,
      );
    if (isOwned) shard += 1;
    else await sleep(100);
  }
}

let requestNumber = 0;

/** @returns how long it took, ms */
async function order(bus: Bus): Promise<number> {
  requestNumber += 1;
  const name = `f-${Math.floor(Math.random() * functionCount)}`;
  const message = AcquireRequest.create({
    requestId: `r-${requestNumber}`,
    function: { name, version: "1", codeDigest: "sha256:1", settings },
  });
  const beganAtMs = performance.now();
  for (;;) {
    try {
      await bus.request(
        "acquire VM",
        subjects.acquireVm(subjects.shardOf(name)),
        { codec: AcquireRequest, message },
        AcquireReply,
      );
      return performance.now() - beganAtMs;
    } catch (error) {
      // Its shard is on its way to another owner: a frontend asks again too.
      if (!TidepoolError.from(error).retryable) throw error;
      await sleep(againMs);
    }
  }
}

/** @returns orders in that time */
async function crowd(bus: Bus, forMs: number): Promise<number> {
  const beganAtMs = performance.now();
  let count = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - beganAtMs < forMs) {
      await order(bus);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  return count;
}

async function measure(bus: Bus, schedulers: readonly ChildProcess[]): Promise<Measured> {
  await crowd(bus, warmUpMs); // code that has just begun is slow
  const processorBefore = await processorSeconds(schedulers);
  const beganAtMs = performance.now();
  const count = await crowd(bus, measureMs);
  const perSecond = (1_000 * count) / (performance.now() - beganAtMs);
  const busySeconds = (await processorSeconds(schedulers)) - processorBefore;
  const perProcessorSecond = (schedulers.length * count) / busySeconds;
  await sleep(1_000);
  const orders: Promise<number>[] = [];
  const steadyFromMs = performance.now();
  while (performance.now() - steadyFromMs < measureMs) {
    orders.push(order(bus));
    await sleep(
      Math.max(0, steadyFromMs + (1_000 * orders.length) / steadyPerSecond - performance.now()),
    );
  }
  return { perSecond, perProcessorSecond, steadyMs: await Promise.all(orders) };
}

async function processorSeconds(schedulers: readonly ChildProcess[]): Promise<number> {
  let ticks = 0;
  for (const { pid } of schedulers) {
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}
