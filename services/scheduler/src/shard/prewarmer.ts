/**
 * Carries out a pre-warm: keeps what is idle until the window is over, and orders what is missing. A pre-warm
 * that fails is tried again while its window lasts, a bounded number of times; then calls take the ordinary
 * path. Its ids come from its window, so that ordering it again orders nothing more.
 */
import { messageOf } from "@tidepool/common";
import type { Decision, Prewarm } from "@tidepool/policy";
import type { FunctionVersion } from "../ports.ts";
import { versionKeyOf } from "../ports.ts";
import { orderVm } from "./acquirer.ts";
import { prewarmFailuresKeptMax } from "./function-state.ts";
import type { FunctionState, PreparedWindow } from "./function-state.ts";
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
    decision: Decision,
  ): void {
    const prepared = preparedWindow(prewarm, decision, false, this.world.clock.nowMs());
    const { window, releaseAtMs } = prepared;
    state.prepared = state.latestPrepared = prepared;
    if (prewarm.orderCount < prewarm.count || state.told !== undefined) {
      const { count, orderCount } = prewarm;
      this.keeper.tell(state, { untilMs: releaseAtMs, count, window, orderCount });
    }
    this.order(state, version, prewarm.orderCount, prepared);
  }

  /** VMs of a version that replaces the one which was prepared for the same window. */
  renew(state: FunctionState, version: FunctionVersion): void {
    const { prepared } = state;
    if (prepared === undefined) return;
    this.order(state, version, prepared.window.count, prepared);
  }

  private order(
    state: FunctionState,
    version: FunctionVersion,
    count: number,
    prepared: PreparedWindow,
  ): void {
    for (let index = 0; index < count; index += 1) {
      void this.orderOne(state, version, index, prepared);
    }
  }

  private async orderOne(
    state: FunctionState,
    version: FunctionVersion,
    index: number,
    prepared: PreparedWindow,
  ): Promise<void> {
    const { clock, logger } = this.world;
    const { window, releaseAtMs } = prepared;
    let failure = "";
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
        const { hostId, vmId } = await orderVm(this.world, this.shard, order, window.endAtMs);
        state.noteAssigned(hostId, clock.nowMs());
        prepared.vmIds.push(vmId);
        logger.debug("pre-warmed", { function: versionKey, hostId });
        return;
      } catch (error) {
        failure = messageOf(error);
        logger.warn("pre-warm failed", { function: versionKey, attempt, error: failure });
      }
      if (clock.nowMs() >= window.endAtMs || this.world.epochOf(this.shard) === undefined) break;
      await clock.sleep(prewarmRetryWaitMs);
    }
    if (prepared.failures.length < prewarmFailuresKeptMax) prepared.failures.push(failure);
  }
}

/** As it is when nothing has come of it yet. */
export function preparedWindow(
  prewarm: Prewarm,
  { forecast, degree }: Decision,
  isShadow: boolean,
  nowMs: number,
): PreparedWindow {
  const { windowStartAtMs, windowEndAtMs, readyByMs, releaseAtMs, count, orderCount } = prewarm;
  return {
    window: {
      startAtMs: windowStartAtMs,
      endAtMs: windowEndAtMs,
      expectedAtMs: forecast?.expectedAtMs ?? (windowStartAtMs + windowEndAtMs) / 2,
      count,
      degree,
    },
    readyByMs,
    releaseAtMs,
    orderedAtMs: nowMs,
    orderCount,
    isShadow,
    vmIds: [],
    failures: [],
    usedCount: 0,
  };
}
