/** The shard that owns a function, asked over the bus. */
import type { Bus } from "@tidepool/actors";
import { systemClock, TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { versionToWire } from "../functions/function-record.ts";
import { acquireAgainMs, otherServerWaitMaxMs, storeAgainMs, storeTimeoutMs } from "../limits.ts";
import type { AcquiredVm, Scheduler } from "../ports.ts";
import { schedulerSilent } from "../routing/scheduler-failure.ts";

const { AcquireRequest, AcquireReply, ForecastRequest } = tidepool.internal.v1;
const { GetForecastResponse } = tidepool.v1;

export class NatsScheduler implements Scheduler {
  private readonly bus: Bus;
  private readonly shardCount: number;

  constructor(bus: Bus, shardCount: number) {
    this.bus = bus;
    this.shardCount = shardCount;
  }

  async acquire(
    { requestId, stored, refusedVmId, avoidHostIds }: Parameters<Scheduler["acquire"]>[0],
    timeoutMs: number,
  ): Promise<AcquiredVm> {
    await this.otherServer(timeoutMs);
    this.requireNats(`a VM for '${stored.name}' cannot be acquired`);
    const shard = subjects.shardOf(stored.name, this.shardCount);
    const message = {
      requestId,
      refusedVmId,
      avoidHostIds: [...avoidHostIds],
      function: versionToWire(stored),
    };
    const reply = await answered(
      `a VM for '${stored.name}'`,
      timeoutMs,
      firstAnswer(timeoutMs, (leftMs) =>
        this.bus.request(
          "acquire VM",
          subjects.acquireVm(shard),
          { codec: AcquireRequest, message },
          AcquireReply,
          { timeoutMs: leftMs },
        ),
      ),
    );
    return parseAcquired(reply);
  }

  async forecast(name: string): Promise<tidepool.v1.GetForecastResponse.$Properties> {
    this.requireNats(`the forecast of '${name}' cannot be asked for`);
    const shard = subjects.shardOf(name, this.shardCount);
    return answered(
      `the forecast of '${name}'`,
      storeTimeoutMs,
      this.bus.request(
        "get forecast",
        subjects.getForecast(shard),
        { codec: ForecastRequest, message: { functionName: name } },
        GetForecastResponse,
        { timeoutMs: storeTimeoutMs },
      ),
    );
  }

  /** In a cluster the connection is soon to another server; with a single one there is nobody to wait for. */
  private async otherServer(timeoutMs: number): Promise<void> {
    if (this.bus.replicas === 1) return;
    const untilMs = performance.now() + Math.min(otherServerWaitMaxMs, timeoutMs);
    while (!this.bus.isConnected && performance.now() + storeAgainMs < untilMs)
      await systemClock.sleep(storeAgainMs);
  }

  /** A request would wait for the server to come back, until the call's deadline. */
  private requireNats(what: string): void {
    if (this.bus.isConnected) return;
    throw new TidepoolError("unavailable", `${what}: the NATS connection is lost`, {
      reason: "natsAway",
    });
  }
}

/**
 * Asks again every acquireAgainMs, and takes what comes first: the same request gets the same answer, and who was
 * asked before may have died with it.
 */
async function firstAnswer<T>(timeoutMs: number, ask: (leftMs: number) => Promise<T>): Promise<T> {
  const untilMs = performance.now() + timeoutMs;
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const askOnce = (leftMs: number): void => void ask(leftMs).then(resolve, reject);
      askOnce(timeoutMs);
      timer = setInterval(() => {
        const leftMs = untilMs - performance.now();
        if (leftMs > 0) askOnce(leftMs);
      }, acquireAgainMs);
    });
  } finally {
    clearInterval(timer);
  }
}

/** No answer is no time limit of the caller's: nothing ran, and another attempt may find the shard again. */
async function answered<T>(what: string, timeoutMs: number, request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof TidepoolError)) throw error;
    if (error.code === "timeout") throw schedulerSilent(what, timeoutMs, error);
    // What another process answered with names its component.
    if (error.code !== "unavailable" || error.component !== undefined) throw error;
    throw new TidepoolError("unavailable", error.message, {
      cause: error,
      component: "scheduler",
      reason: "schedulerSilent",
    });
  }
}

function parseAcquired(reply: tidepool.internal.v1.AcquireReply.$Properties): AcquiredVm {
  const { hostId = "", hostAddress = "", vmId = "" } = reply;
  if (hostId === "" || hostAddress === "" || vmId === "") {
    throw new TidepoolError("internal", "the scheduler's answer names no VM");
  }
  return { hostId, hostAddress, vmId };
}
