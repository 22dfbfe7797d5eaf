/**
 * Tells hosts how long the idle VMs of a function stay, wherever that differs from their own keep-alive.
 * A VM that is still busy counts when it becomes idle. Telling twice is harmless: the newest order wins.
 */
import { TidepoolError } from "@tidepool/common";
import { holdsAt, isKeptAsUsual } from "@tidepool/policy";
import type { Decision, PlanPolicy } from "@tidepool/policy";
import type { CallWindow } from "../ports.ts";
import type { FunctionState, KeepTold } from "./function-state.ts";
import { assignedHostMemoryMs, keepAttemptsMax, keepCountAll, releaseRepeatMs } from "./world.ts";
import type { ShardWorld } from "./world.ts";

export interface KeepWish {
  readonly untilMs: number;
  /** Over all hosts. */
  readonly count: number;
  readonly window: CallWindow | undefined;
  /** How many of them are still to be placed, on any host. */
  readonly orderCount?: number;
}

/** Two instants this close to each other are one wish. */
const toleranceMs = 50;

export class Keeper {
  private readonly world: ShardWorld;
  private readonly shard: number;

  constructor(world: ShardWorld, shard: number) {
    this.world = world;
    this.shard = shard;
  }

  /** Tells hosts what a decision means for what is idle. @returns when to look again */
  follow(
    state: FunctionState,
    decision: Decision,
    policy: PlanPolicy,
    nowMs: number,
    isAfterCall: boolean,
  ): number | undefined {
    const { prepared, told } = state;
    // More calls of this window may come, for which VMs wait: they stay until it is over.
    if (prepared !== undefined && prepared.usedCount < prepared.window.count)
      return prepared.releaseAtMs;
    const untilMs = decision.keepUntilMs;
    const isUsual = isKeptAsUsual(decision, policy, nowMs);
    if (decision.degree === 0) {
      // What waits unused keeps its time; only what a call has just left is kept as ever, or longer.
      if (isAfterCall && isUsual) this.reset(state, policy.keepAliveMs);
      else if (isAfterCall) this.tell(state, { untilMs, count: keepCountAll, window: undefined });
      return undefined;
    }
    const isHeld = holdsAt(decision, nowMs);
    if (isAfterCall || told === undefined || (isHeld && isUsual)) {
      const isLonger = decision.forecast !== undefined && untilMs > nowMs + policy.keepAliveMs;
      if (isUsual || isLonger) {
        this.reset(state, policy.keepAliveMs);
        return undefined;
      }
      const spansNext =
        decision.prewarm !== undefined && untilMs >= decision.prewarm.windowStartAtMs;
      const count = spansNext ? decision.prewarm.count : keepCountAll;
      this.tell(state, { untilMs, count, window: undefined });
      return untilMs + releaseRepeatMs;
    }
    // A VM that was busy when the hosts were told may have become idle after its time.
    if (nowMs < told.untilMs) return told.untilMs + releaseRepeatMs;
    const vms = [...this.world.hosts.whereabouts(state.name).values()].flat();
    if (vms.some(({ idle }) => idle > 0)) {
      this.tell(state, { untilMs: nowMs, count: 0, window: undefined });
    }
    return vms.some(({ idle, busy }) => idle + busy > 0) ? nowMs + releaseRepeatMs : undefined;
  }

  /** The hosts' own keep-alive again; nothing is sent where it already holds. */
  reset(state: FunctionState, keepAliveMs: number): void {
    if (state.told === undefined) return;
    const untilMs = this.world.clock.nowMs() + keepAliveMs;
    this.tell(state, { untilMs, count: keepCountAll, window: undefined });
    state.told = undefined;
  }

  /** Tells every host that has, or was just given, a VM of the function. */
  tell(state: FunctionState, wish: KeepWish): void {
    if (isTold(state.told, wish)) return;
    state.told = { untilMs: wish.untilMs, count: wish.count };
    for (const [hostId, count] of this.share(state, wish)) {
      void this.send(hostId, state, count, wish);
    }
  }

  /** Lets every VM of the function go, on every host. */
  releaseAll(name: string): void {
    const wish = { untilMs: this.world.clock.nowMs(), count: 0, window: undefined };
    for (const { hostId } of this.world.hosts.views())
      void this.send(hostId, { name, version: "" }, 0, wish);
  }

  /** The count over the hosts: those with more idle VMs first, as many as each has. */
  private share(state: FunctionState, wish: KeepWish): Map<string, number> {
    const nowMs = this.world.clock.nowMs();
    const shares = new Map<string, number>();
    for (const [hostId, atMs] of state.assignedAtMs ?? []) {
      if (nowMs - atMs < assignedHostMemoryMs) shares.set(hostId, 0);
      else state.assignedAtMs?.delete(hostId);
    }
    const vmCounts = [...this.world.hosts.whereabouts(state.name)].map(
      ([hostId, parts]) =>
        [hostId, parts.reduce((sum, part) => sum + part.idle + part.busy, 0)] as const,
    );
    let left = wish.count;
    for (const [hostId, vmCount] of vmCounts.sort((a, b) => b[1] - a[1])) {
      const share = Math.min(left, vmCount);
      shares.set(hostId, share);
      left -= share;
    }
    // What is not there yet may come on any of them.
    const coming = wish.orderCount ?? left;
    for (const [hostId, share] of shares) shares.set(hostId, share + coming);
    return shares;
  }

  private async send(
    hostId: string,
    { name: functionName, version }: Pick<FunctionState, "name" | "version">,
    count: number,
    { untilMs, window }: KeepWish,
  ): Promise<void> {
    const { shard } = this;
    for (let attempt = 1; attempt <= keepAttemptsMax; attempt += 1) {
      const epoch = this.world.epochOf(shard);
      if (epoch === undefined) return;
      try {
        await this.world.commands.keep(hostId, {
          lease: { shard, epoch },
          functionName,
          count,
          keepUntilMs: untilMs,
          sentAtMs: this.world.clock.nowMs(),
          window,
          version,
        });
        return;
      } catch (error) {
        const failure = TidepoolError.from(error);
        this.world.logger.warn("host not told what to keep", {
          hostId,
          functionName,
          attempt,
          error: failure.message,
        });
        if (failure.code === "stale") return;
      }
    }
  }
}

function isTold(told: KeepTold | undefined, wish: KeepWish): boolean {
  return (
    told !== undefined &&
    told.count === wish.count &&
    Math.abs(told.untilMs - wish.untilMs) < toleranceMs
  );
}
