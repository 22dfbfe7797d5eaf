/**
 * One, two and three schedulers over a fleet that is only messages: how many VMs are ordered for calls a second,
 * and how long one takes at a rate that one scheduler bears easily. Schedulers, hosts and nats-server are
 * processes; calls come from this one.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { echoSubject, measure, settings, steadyPerSecond } from "./cluster-load.ts";
import type { Measured } from "./cluster-load.ts";
import type { Report } from "./report.ts";
import { quantile, rowOf } from "./stats.ts";

const { ForecastRequest, FunctionRecord } = tidepool.internal.v1;
const hostCount = Number(process.env["BENCH_HOSTS"] ?? 1_000);
const vmsEach = 10;
const functionCount = Number(process.env["BENCH_FUNCTIONS"] ?? 100_000);
const measureMs = 1_000 * Number(process.env["BENCH_SECONDS"] ?? 10);
const putsAtOnce = 500;
const ownedMaxMs = 60_000;

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
        echoSubject,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    children.push(fleet);
    await once(fleet.stdout, "data");
    const schedulers: ChildProcess[] = [];
    const measured: Measured[] = [];
    for (const count of [1, 2, 3]) {
      const main = pathOf("../../services/scheduler/dist/main.js");
      const scheduler = spawn(process.execPath, ["--max-semi-space-size=64", main], {
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
      measured.push(await measure({ bus, functionCount, measureMs }, schedulers));
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
    const shown = (what: string, value: number, unit: string) => ({ what, value, unit });
    return {
      title: `${hostCount} hosts, ${hostCount * vmsEach} VMs, ${functionCount} functions`,
      accelerator: "none, hosts are messages",
      rows: measured.flatMap(({ steadyMs, echoMs }, at) => [
        rowOf(`an order, ${at + 1} schedulers, ${steadyPerSecond} a second`, steadyMs),
        rowOf("a bare message there and back, twice, between them", echoMs),
      ]),
      claims: [
        shown("orders a second of one, 256 at once", one.perSecond, "a second"),
        shown("and in a second of its processor time", one.perProcessorSecond, "a second"),
        ratio("orders a second of two schedulers", two.perSecond / one.perSecond, 1.7),
        ratio(
          "the same by their processor time",
          two.perProcessorSecond / one.perProcessorSecond,
          1.7,
        ),
        shown("orders a second of three", three.perSecond / one.perSecond, "times one's"),
        ratio(
          "the same by their processor time",
          three.perProcessorSecond / one.perProcessorSecond,
          2.4,
        ),
        ...measured.map(({ steadyMs }, at) => ({
          what: `p99 of an order, ${at + 1} schedulers, ${steadyPerSecond} a second`,
          value: quantile(steadyMs, 0.99),
          unit: "ms",
          bound: { atMost: 20 },
        })),
        ...measured.map(({ echoMs }) =>
          shown("p99 of the bare messages", quantile(echoMs, 0.99), "ms"),
        ),
        shown("load of the machine meanwhile", Math.max(...measured.map(({ load }) => load)), ""),
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
