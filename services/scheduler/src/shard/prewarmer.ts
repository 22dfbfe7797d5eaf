/**
 * Carries out a pre-warm: keeps what is idle until the window is over, and orders what is missing. A pre-warm
 * that fails is tried again while its window lasts, a bounded number of times; then calls take the ordinary
 * path. Its ids come from its window, so that ordering it again orders nothing more. Also carries out that
 * one version takes over from another.
 */
import { messageOf } from "@tidepool/common";
import type { Prewarm } from "@tidepool/policy";
import type { FunctionVersion } from "../ports.ts";
import { versionKeyOf } from "../ports.ts";
import { provisionAt } from "../provisioned/windows.ts";
import { orderVm } from "./acquirer.ts";
import { prewarmFailuresKeptMax } from "./function-state.ts";
import type { FunctionState, PreparedWindow } from "./function-state.ts";
import type { Keeper } from "./keeper.ts";
import {
  assignAttemptsMax,
  prewarmRetryWaitMs,
  takeoverOrderMaxMs,
  takeoverVmsMax,
} from "./world.ts";
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
  start(state: FunctionState, version: FunctionVersion, prewarm: Prewarm, because: Expected): void {
    const prepared = preparedWindow(prewarm, because, false, this.world.clock.nowMs());
    const { window, releaseAtMs } = prepared;
    state.prepared = state.latestPrepared = prepared;
    if (prewarm.orderCount < prewarm.count || state.told !== undefined) {
      const { count, orderCount } = prewarm;
      this.keeper.tell(state, { untilMs: releaseAtMs, count, window, orderCount });
    }
    this.order(state, version, prewarm.orderCount, prepared);
  }

  /**
   * Calls go to another version than was planned for last: as many VMs of it as the other has, those that wait
   * for a window among them. What the other has serves meanwhile.
   */
  takeOver(state: FunctionState, version: FunctionVersion): void {
    const { hosts, clock } = this.world;
    const { prepared, told, name, version: former } = state;
    const forWindow = prepared?.window.count ?? 0;
    if (prepared !== undefined) this.order(state, version, forWindow, prepared);
    const nowMs = clock.nowMs();
    const keepUntilMs = told?.untilMs ?? nowMs + version.keepAliveMs;
    if (keepUntilMs <= nowMs) return;
    const has = hosts.vmCount(name, version.version) + forWindow;
    const missing = Math.min(this.formerCount(state) - has, takeoverVmsMax);
    const id = `${versionKeyOf(name, version.version)}/after-${former}/${Math.round(nowMs)}`;
    for (let index = 0; index < missing; index += 1) {
      void this.orderInstead(state, version, `${id}/${index}`, keepUntilMs, undefined);
    }
  }

  /** VMs of the version that was planned for last, those too that a host gave since its last heartbeat. */
  private formerCount({ name, version, assignedAtMs }: FunctionState): number {
    const { hosts } = this.world;
    const told = hosts.lasting(name);
    let count = hosts.vmCount(name, version);
    for (const [hostId, atMs] of assignedAtMs ?? []) {
      if (!told.has(hostId) && hosts.heardAtMs(hostId) <= atMs) count += 1;
    }
    return count;
  }

  /** VMs go with their host: as many elsewhere, for as long as those were to stay. What is provisioned is seen to apart. */
  replace(state: FunctionState, version: FunctionVersion, count: number, hostId: string): void {
    const nowMs = this.world.clock.nowMs();
    const { prepared, told, calledAtMs } = state;
    const open = prepared !== undefined && prepared.releaseAtMs > nowMs ? prepared : undefined;
    const keepUntilMs =
      open?.releaseAtMs ?? told?.untilMs ?? (calledAtMs || nowMs) + version.keepAliveMs;
    if (keepUntilMs <= nowMs) return;
    // Hosts that get one have not been told how long it stays after calls: the next plan tells all again.
    state.told = undefined;
    const provisioned = provisionAt(version.provisioned, nowMs).count;
    const missing = Math.min(count - provisioned, takeoverVmsMax);
    const key = versionKeyOf(state.name, version.version);
    for (let index = 0; index < missing; index += 1) {
      const id = `${key}/from-${hostId}/${Math.round(nowMs)}/${index}`;
      void this.orderInstead(state, version, id, keepUntilMs, open);
    }
  }

  /** One that cannot be had is not tried again: calls then take the ordinary path. */
  private async orderInstead(
    state: FunctionState,
    version: FunctionVersion,
    assignmentId: string,
    keepUntilMs: number,
    prepared: PreparedWindow | undefined,
  ): Promise<void> {
    const { clock, logger } = this.world;
    const order = {
      assignmentId,
      function: version,
      requestId: "",
      window: prepared?.window,
      keepUntilMs,
    };
    const deadlineAtMs = clock.nowMs() + takeoverOrderMaxMs;
    try {
      const { hostId, vmId } = await orderVm(this.world, this.shard, order, deadlineAtMs);
      state.noteAssigned(hostId, clock.nowMs());
      prepared?.vmIds.push(vmId);
    } catch (error) {
      logger.warn("no VM instead of others", {
        assignmentId,
        error: messageOf(error),
      });
    }
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

/** Why VMs are wanted. */
export interface Expected {
  readonly degree: number;
  readonly forecast: { readonly expectedAtMs: number } | undefined;
}

/** As it is when nothing has come of it yet. */
export function preparedWindow(
  prewarm: Prewarm,
  { forecast, degree }: Expected,
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
