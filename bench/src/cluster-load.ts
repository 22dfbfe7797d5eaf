/**
 * Orders for VMs: as many as schedulers can take, and then at a steady rate that one of them bears easily, begun
 * by the clock whether the ones before have been answered or not. Bare messages to the fleet go beside those:
 * what the machine and nats-server take of an order's time, and whoever else keeps the machine busy.
 */
import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";

const { Ack, AcquireReply, AcquireRequest } = tidepool.internal.v1;

/** Of every function. */
export const settings = {
  runtime: "nodejs20",
  memoryMib: 128,
  vcpuCount: 1,
  keepAliveMs: 600_000,
};
export const echoSubject = "bench.echo";
export const steadyPerSecond = 100;
const atOnceMax = 256;
const againMs = 50;
/** Code that has just begun is slow… */
const warmUpMs = 4_000;
/** …and what a crowd leaves behind is not of the calls after it. */
const settleMs = 3_000;
/** Of Linux's processor times. */
const ticksPerSecond = 100;

export interface Load {
  readonly bus: Bus;
  readonly functionCount: number;
  readonly measureMs: number;
}

export interface Measured {
  readonly perSecond: number;
  /** Orders in a second of processor time of the schedulers, times their number. */
  readonly perProcessorSecond: number;
  readonly steadyMs: readonly number[];
  readonly echoMs: readonly number[];
  /** Of the machine, in the minute before the end. */
  readonly load: number;
}

export async function measure(load: Load, schedulers: readonly ChildProcess[]): Promise<Measured> {
  await crowd(load, warmUpMs);
  const processorBefore = await processorSeconds(schedulers);
  const beganAtMs = performance.now();
  const count = await crowd(load, load.measureMs);
  const perSecond = (1_000 * count) / (performance.now() - beganAtMs);
  const busySeconds = (await processorSeconds(schedulers)) - processorBefore;
  const perProcessorSecond = (schedulers.length * count) / busySeconds;
  await steadily(settleMs, () => order(load));
  const echoes: Promise<number>[] = [];
  const steadyMs = await steadily(load.measureMs, () => {
    echoes.push(echoTwice(load.bus));
    return order(load);
  });
  const echoMs = await Promise.all(echoes);
  return { perSecond, perProcessorSecond, steadyMs, echoMs, load: loadavg()[0] ?? 0 };
}

let requestNumber = 0;

/** @returns how long it took, ms */
async function order({ bus, functionCount }: Load): Promise<number> {
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

/** As many messages as an order takes, with nobody who decides. @returns how long they took, ms */
async function echoTwice(bus: Bus): Promise<number> {
  const beganAtMs = performance.now();
  for (let i = 0; i < 2; i += 1)
    await bus.request("echo", echoSubject, { codec: Ack, message: Ack.create({}) }, Ack);
  return performance.now() - beganAtMs;
}

/** @returns orders in that time */
async function crowd(load: Load, forMs: number): Promise<number> {
  const beganAtMs = performance.now();
  let count = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() - beganAtMs < forMs) {
      await order(load);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  return count;
}

async function steadily(forMs: number, begin: () => Promise<number>): Promise<number[]> {
  const begun: Promise<number>[] = [];
  const fromMs = performance.now();
  while (performance.now() - fromMs < forMs) {
    begun.push(begin());
    const nextAtMs = fromMs + (1_000 * begun.length) / steadyPerSecond;
    await sleep(Math.max(0, nextAtMs - performance.now()));
  }
  return Promise.all(begun);
}

async function processorSeconds(processes: readonly ChildProcess[]): Promise<number> {
  let ticks = 0;
  for (const { pid } of processes) {
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / ticksPerSecond;
}
