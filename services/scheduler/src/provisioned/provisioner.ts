/**
 * Keeps as many VMs of a function waiting as its owner wants, whatever is forecast: what is missing is ordered,
 * and hosts are told how many idle ones stay. Looks at the few functions that want any, again and again; what a
 * call takes is refilled at the next look. It counts towards no cap on pre-warmed VMs: the owner asked for it.
 */
import { messageOf } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { FunctionVersion } from "../ports.ts";
import { versionKeyOf } from "../ports.ts";
import { orderVm } from "../shard/acquirer.ts";
import type { ShardWorld } from "../shard/world.ts";
import { provisionAt } from "./windows.ts";

/** Between two looks. */
export const provisionLookMs = 500;
/** Hosts are told for so long ahead, and again when half of it is over: a scheduler may be away meanwhile. */
export const floorAheadMs = 3_600_000;
/** An order counts as a VM that comes for so long, until the host's heartbeat tells of it. */
export const orderMemoryMs = 2_000;
/** After the host has answered it, that long: a heartbeat comes soon after. */
export const orderSettleMs = 400;
/** A window's VMs begin to get ready so much earlier than they take for it. */
export const leadMs = 1_000;
/** An ordered VM stays so long by itself: until its host has loaded it and was told to hold it. */
export const orderKeepMs = 15_000;
/** Who has just taken a shard listens so long to hosts first: VMs that wait already are not ordered again. */
export const takeoverListenMs = 2_500;
/** After an order that failed, the next waits so long. */
export const orderRetryMs = 2_000;

type World = Pick<
  ShardWorld,
  "hosts" | "commands" | "functionOf" | "epochOf" | "clock" | "logger" | "random"
>;

interface Provisioned {
  readonly name: string;
  readonly shard: number;
  /** Under which hosts were told; another owner, or this one again, tells anew. */
  epoch: number | undefined;
  orderCount: number;
  /** When each order was given whose VM no heartbeat has told of yet. */
  orderedAtMs: number[];
  waitUntilMs: number;
  readonly told: Map<string, { readonly count: number; readonly untilMs: number }>;
}

export class Provisioner {
  private readonly world: World;
  private readonly shardCount: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly functions = new Map<string, Provisioned>();
  /** Since when each shard has been ours. */
  private readonly owned = new Map<number, { readonly epoch: number; readonly sinceMs: number }>();
  private timer: NodeJS.Timeout | undefined;

  constructor(world: World, shardCount: number) {
    this.world = world;
    this.shardCount = shardCount;
    this.clock = world.clock;
    this.logger = world.logger;
  }

  start(): void {
    this.timer = setInterval(() => this.look(), provisionLookMs);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** A function was published, changed or deleted. */
  noteFunction(name: string): void {
    const wants = (this.world.functionOf(name)?.provisioned.length ?? 0) > 0;
    if (wants && !this.functions.has(name)) {
      const shard = subjects.shardOf(name, this.shardCount);
      const fresh = { epoch: undefined, orderCount: 0, orderedAtMs: [], waitUntilMs: 0 };
      this.functions.set(name, { name, shard, ...fresh, told: new Map() });
    } else if (!wants && this.functions.has(name)) {
      this.look();
      this.functions.delete(name);
    }
  }

  /** For people; undefined for a function that wants none. */
  stateOf(name: string): tidepool.v1.ProvisionedState.$Properties | undefined {
    const version = this.world.functionOf(name);
    if (version === undefined || version.provisioned.length === 0) return undefined;
    const { count, changesAtMs } = provisionAt(version.provisioned, this.clock.nowMs());
    const idleCount = this.world.hosts.idleCount(name, version.version);
    return {
      wanted: count,
      ready: Math.min(count, idleCount),
      ...(changesAtMs === undefined
        ? {}
        : {
            changesAt: toTimestamp(changesAtMs),
            wantedThen: provisionAt(version.provisioned, changesAtMs).count,
          }),
    };
  }

  /** Sees to what is missing now. */
  look(): void {
    for (let shard = 0; shard < this.shardCount; shard += 1) this.noteOwned(shard);
    for (const provisioned of this.functions.values()) this.lookAt(provisioned);
  }

  private lookAt(provisioned: Provisioned): void {
    const { name, shard } = provisioned;
    const epoch = this.world.epochOf(shard);
    const nowMs = this.clock.nowMs();
    if (epoch !== provisioned.epoch) provisioned.told.clear();
    provisioned.epoch = epoch;
    const version = this.world.functionOf(name);
    if (epoch === undefined || version === undefined) return;
    if (nowMs - (this.owned.get(shard)?.sinceMs ?? nowMs) < takeoverListenMs) return;
    const aheadMs = leadMs + (this.world.hosts.prepareP95Ms(version) ?? 0);
    const wanted = Math.max(
      provisionAt(version.provisioned, nowMs).count,
      provisionAt(version.provisioned, nowMs + aheadMs).count,
    );
    const vms = this.vmsOf(version);
    this.tellFloors(provisioned, version, wanted, vms, nowMs);
    provisioned.orderedAtMs = provisioned.orderedAtMs.filter(
      (atMs) => nowMs - atMs < orderMemoryMs,
    );
    if (nowMs < provisioned.waitUntilMs) return;
    const known = [...vms.values()].reduce((sum, { there }) => sum + there, 0);
    const missing = wanted - known - provisioned.orderedAtMs.length;
    for (let count = 0; count < missing; count += 1) {
      void this.order(provisioned, version, nowMs + orderKeepMs);
    }
  }

  private noteOwned(shard: number): void {
    const epoch = this.world.epochOf(shard);
    if (epoch === undefined) this.owned.delete(shard);
    else if (this.owned.get(shard)?.epoch !== epoch)
      this.owned.set(shard, { epoch, sinceMs: this.clock.nowMs() });
  }

  /** By host: VMs that wait or load. */
  private vmsOf({ name, version }: FunctionVersion): Map<string, { there: number }> {
    const vms = new Map<string, { there: number }>();
    for (const [hostId, parts] of this.world.hosts.lasting(name)) {
      const there = parts
        .filter((part) => part.version === version)
        .reduce((sum, { idle, loading }) => sum + idle + loading, 0);
      vms.set(hostId, { there });
    }
    return vms;
  }

  /** Each host as many as it has, until there are enough; all that were told more before are told the less. */
  private tellFloors(
    provisioned: Provisioned,
    version: FunctionVersion,
    wanted: number,
    vms: ReadonlyMap<string, { there: number }>,
    nowMs: number,
  ): void {
    let left = wanted;
    const shares = new Map<string, number>();
    for (const hostId of provisioned.told.keys()) shares.set(hostId, 0);
    for (const [hostId, { there }] of [...vms].sort(([, a], [, b]) => b.there - a.there)) {
      const share = Math.min(left, there);
      shares.set(hostId, share);
      left -= share;
    }
    for (const [hostId, count] of shares) {
      const told = provisioned.told.get(hostId);
      const isDue = (told?.untilMs ?? 0) - nowMs < floorAheadMs / 2;
      if (count === (told?.count ?? 0) && (count === 0 || !isDue)) continue;
      const untilMs = count === 0 ? nowMs : nowMs + floorAheadMs;
      provisioned.told.set(hostId, { count, untilMs });
      void this.tell(provisioned, hostId, version.version, count, untilMs);
    }
  }

  private async tell(
    { name, shard, told }: Provisioned,
    hostId: string,
    version: string,
    count: number,
    untilMs: number,
  ): Promise<void> {
    const epoch = this.world.epochOf(shard);
    if (epoch === undefined) return;
    const sentAtMs = this.clock.nowMs();
    const lease = { shard, epoch };
    const order = { lease, functionName: name, version, count, untilMs, sentAtMs };
    try {
      await this.world.commands.floor(hostId, order);
      if (count === 0) told.delete(hostId);
    } catch (error) {
      told.delete(hostId); // told again at the next look
      this.logger.warn("host not told what to hold", { hostId, name, error: messageOf(error) });
    }
  }

  private async order(
    provisioned: Provisioned,
    version: FunctionVersion,
    keepUntilMs: number,
  ): Promise<void> {
    const { shard, epoch } = provisioned;
    provisioned.orderCount += 1;
    const key = versionKeyOf(version.name, version.version);
    const orderedAtMs = this.clock.nowMs();
    provisioned.orderedAtMs.push(orderedAtMs);
    const assignmentId = `${key}/provisioned/${epoch}/${provisioned.orderCount}`;
    const order = { assignmentId, function: version, requestId: "", window: undefined };
    const settle = (leftMs: number): void => {
      const at = provisioned.orderedAtMs.indexOf(orderedAtMs);
      if (at >= 0) provisioned.orderedAtMs[at] = this.clock.nowMs() - orderMemoryMs + leftMs;
    };
    try {
      await orderVm(this.world, shard, { ...order, keepUntilMs }, undefined);
      settle(orderSettleMs);
    } catch (error) {
      settle(0);
      provisioned.waitUntilMs = this.clock.nowMs() + orderRetryMs;
      this.logger.warn("provisioned VM not had", { function: key, error: messageOf(error) });
    }
  }
}
