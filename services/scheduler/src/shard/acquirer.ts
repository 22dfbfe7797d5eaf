/**
 * A VM for a call that waits: the best host is asked, then the next best. The same request asked again, at
 * once or after its answer was lost, gets the same answer.
 */
import { TidepoolError } from "@tidepool/common";
import { place } from "../placement/index.ts";
import type { PlacementReason } from "../placement/index.ts";
import { configKeyOf, versionKeyOf } from "../ports.ts";
import type { AcquireOrder, AssignOrder, FunctionVersion } from "../ports.ts";
import { acquireMemoryMax, acquireMemoryMs, assignAttemptsMax, assignTimeoutMs } from "./world.ts";
import type { ShardWorld } from "./world.ts";

export interface AcquiredVm {
  readonly hostId: string;
  readonly hostAddress: string;
  readonly vmId: string;
  /** What the host had ready. */
  readonly reason: PlacementReason;
}

interface Remembered {
  readonly askedAtMs: number;
  readonly answer: Promise<AcquiredVm>;
}

export class Acquirer {
  private readonly world: ShardWorld;
  private readonly shard: number;
  private readonly onSurprise: (version: FunctionVersion) => void;
  /** Oldest first. */
  private readonly byRequest = new Map<string, Remembered>();
  /** Requests that no VM was found for yet; oldest first. */
  private readonly surprises = new Set<string>();

  /** @param onSurprise called for each call that had no idle VM anywhere */
  constructor(world: ShardWorld, shard: number, onSurprise: (version: FunctionVersion) => void) {
    this.world = world;
    this.shard = shard;
    this.onSurprise = onSurprise;
  }

  acquire(
    { requestId, function: version, refusedVmId, avoidHostIds }: AcquireOrder,
    deadlineAtMs: number | undefined,
  ): Promise<AcquiredVm> {
    const nowMs = this.world.clock.nowMs();
    // A VM that was refused is no answer any more, here and in the host's own memory.
    const assignmentId = refusedVmId === "" ? requestId : `${requestId}.${refusedVmId}`;
    const known = this.byRequest.get(assignmentId);
    if (known !== undefined && nowMs - known.askedAtMs < acquireMemoryMs) return known.answer;
    const order = {
      assignmentId,
      function: version,
      requestId,
      window: undefined,
      keepUntilMs: nowMs + version.keepAliveMs,
    };
    const answer = orderVm(this.world, this.shard, order, deadlineAtMs, avoidHostIds);
    // A call that asks again after a refusal is one call still.
    const wasSurprise = this.surprises.has(requestId);
    this.remember(assignmentId, { askedAtMs: nowMs, answer });
    void answer.then(
      ({ reason }) => {
        this.surprises.delete(requestId);
        if (reason !== "idle" && !wasSurprise) this.onSurprise(version);
      },
      () => {
        this.byRequest.delete(assignmentId); // the frontend asks again under the same id
        if (wasSurprise) return;
        this.surprises.add(requestId);
        for (const oldest of this.surprises) {
          if (this.surprises.size <= acquireMemoryMax) break;
          this.surprises.delete(oldest);
        }
        this.onSurprise(version);
      },
    );
    return answer;
  }

  private remember(assignmentId: string, remembered: Remembered): void {
    this.byRequest.delete(assignmentId);
    this.byRequest.set(assignmentId, remembered);
    const oldestMs = remembered.askedAtMs - acquireMemoryMs;
    for (const [id, { askedAtMs }] of this.byRequest) {
      if (askedAtMs >= oldestMs && this.byRequest.size <= acquireMemoryMax) break;
      this.byRequest.delete(id);
    }
  }
}

const nobody: ReadonlySet<string> = new Set();

/**
 * Places one VM and orders it; another host when the first cannot.
 * @param avoidHostIds taken only where there is no other
 * @throws TidepoolError `noCapacity` that says why; `stale` when the shard is no longer ours
 */
export async function orderVm(
  world: Pick<ShardWorld, "hosts" | "commands" | "epochOf" | "clock" | "logger" | "random">,
  shard: number,
  order: Omit<AssignOrder, "lease">,
  deadlineAtMs: number | undefined,
  avoidHostIds: readonly string[] = [],
): Promise<AcquiredVm> {
  const { function: version } = order;
  const isPrewarm = order.requestId === "";
  const tried = new Set<string>();
  /** Until there is no other. */
  let avoided: ReadonlySet<string> = new Set(avoidHostIds);
  await world.hosts.known;
  let failure: TidepoolError | undefined;
  while (tried.size < assignAttemptsMax) {
    const hosts =
      tried.size + avoided.size === 0
        ? world.hosts.shortlist(version, isPrewarm, world.random)
        : world.hosts.views().filter(({ hostId }) => !tried.has(hostId) && !avoided.has(hostId));
    const placement = place(
      {
        versionKey: versionKeyOf(version.name, version.version),
        configKey: configKeyOf(version),
        codeDigest: version.codeDigest,
        memoryMib: version.memoryMib,
        vcpuCount: version.vcpuCount,
        needsInternet: version.needsInternet ?? false,
        isPrewarm,
      },
      hosts,
      world.random,
    );
    // Others that are full will have room: that is worth waiting for.
    if (!placement.ok && avoided.size > 0 && placement.failure.reason !== "hostsFull") {
      avoided = nobody;
      continue;
    }
    if (!placement.ok) throw failure ?? TidepoolError.fromFailure(placement.failure);
    const { hostId, reason } = placement;
    tried.add(hostId);
    const leftMs = (deadlineAtMs ?? Number.POSITIVE_INFINITY) - world.clock.nowMs();
    if (leftMs <= 0) break;
    const epoch = world.epochOf(shard);
    if (epoch === undefined) throw notOurs(shard);
    world.hosts.noteOrdered(hostId, version, isPrewarm);
    try {
      const timeoutMs = Math.min(leftMs, assignTimeoutMs);
      const vmId = await world.commands.assign(
        hostId,
        { ...order, lease: { shard, epoch } },
        timeoutMs,
      );
      return { hostId, hostAddress: world.hosts.addressOf(hostId) ?? "", vmId, reason };
    } catch (error) {
      failure = TidepoolError.from(error);
      if (failure.code === "stale" || failure.code === "invalid") throw failure;
      world.logger.warn("host could not assign", { hostId, error: failure.message });
    }
  }
  throw (
    failure ??
    new TidepoolError("timeout", `no VM for ${version.name} before the deadline of its call`)
  );
}

export function notOurs(shard: number): TidepoolError {
  return new TidepoolError("stale", `shard ${shard} is not owned by this scheduler`);
}
