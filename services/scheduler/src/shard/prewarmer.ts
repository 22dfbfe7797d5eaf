/**
 * Carries out a pre-warm: keeps what is idle until the window is over, and orders what is missing. A pre-warm
 * that fails is tried again while its window lasts, a bounded number of times; then calls take the ordinary
 * path. Its ids come from its window, so that ordering it again orders nothing more.
 */
import { messageOf } from "@tidepool/common";
import type { Decision, Prewarm } from "@tidepool/policy";
import type { CallWindow, FunctionVersion } from "../ports.ts";
import { versionKeyOf } from "../ports.ts";
import { orderVm } from "./acquirer.ts";
import type { FunctionState } from "./function-state.ts";
import type { Keeper } from "./keeper.ts";
import { assignAttemptsMax, prewarmRetryWaitMs } from "./world.ts";
import type { ShardWorld } from "./world.ts";

export class Prewarmer {
  private readonly world: ShardWorld;
  private readonly shard: number;
  private readonly keeper: Keeper;

  constructor(world: ShardWorld, shard: number, keeper: Keeper) {
    this.world = world;
    this.shard = shard;
    this.keeper = keeper;
  }

  /** Starts it, and does not wait for the hosts. */
  start(
    state: FunctionState,
    version: FunctionVersion,
    prewarm: Prewarm,
    { forecast, degree }: Decision,
  ): void {
    const window: CallWindow = {
      startAtMs: prewarm.windowStartAtMs,
      endAtMs: prewarm.windowEndAtMs,
      expectedAtMs: forecast?.expectedAtMs ?? (prewarm.windowStartAtMs + prewarm.windowEndAtMs) / 2,
      count: prewarm.count,
      degree,
    };
    const { readyByMs, releaseAtMs } = prewarm;
    state.prepared = { window, readyByMs, releaseAtMs, usedCount: 0 };
    if (prewarm.orderCount < prewarm.count || state.told !== undefined) {
      const { count, orderCount } = prewarm;
      this.keeper.tell(state, { untilMs: releaseAtMs, count, window, orderCount });
    }
    this.order(state, version, prewarm.orderCount, window, releaseAtMs);
  }

  /** VMs of a version that replaces the one which was prepared for the same window. */
  renew(state: FunctionState, version: FunctionVersion): void {
    const { prepared } = state;
    if (prepared === undefined) return;
    this.order(state, version, prepared.window.count, prepared.window, prepared.releaseAtMs);
  }

  private order(
    state: FunctionState,
    version: FunctionVersion,
    count: number,
    window: CallWindow,
    releaseAtMs: number,
  ): void {
    for (let index = 0; index < count; index += 1) {
      void this.orderOne(state, version, index, window, releaseAtMs);
    }
  }

  private async orderOne(
    state: FunctionState,
    version: FunctionVersion,
    index: number,
    window: CallWindow,
    releaseAtMs: number,
  ): Promise<void> {
    const { clock, logger } = this.world;
    const versionKey = versionKeyOf(version.name, version.version);
    const order = {
      assignmentId: `${versionKey}/${Math.round(window.startAtMs)}/${index}`,
      function: version,
      requestId: "",
      window,
      keepUntilMs: releaseAtMs,
    };
    for (let attempt = 1; attempt <= assignAttemptsMax; attempt += 1) {
      try {
        const { hostId } = await orderVm(this.world, this.shard, order, window.endAtMs);
        state.assignedAtMs.set(hostId, clock.nowMs());
        logger.debug("pre-warmed", { function: versionKey, hostId });
        return;
      } catch (error) {
        logger.warn("pre-warm failed", { function: versionKey, attempt, error: messageOf(error) });
      }
      if (clock.nowMs() >= window.endAtMs || this.world.epochOf(this.shard) === undefined) break;
      await clock.sleep(prewarmRetryWaitMs);
    }
  }
}
