/**
 * What one shard learns from its functions together: taken up with its snapshot, saved after it. Of functions that
 * were written at different times each knows its own part of the arrivals; what was learned is never learned
 * twice.
 */
import { TidepoolError } from "@tidepool/common";
import type { FleetLearning } from "@tidepool/policy";
import type { FleetStore, Lease } from "../ports.ts";
import type { ShardWorld } from "./world.ts";

/** The world of one shard, in which the policy goes on learning; the same world where nothing is to be learned. */
export function withLearning(world: ShardWorld): ShardWorld {
  const { fleets, snapshots, arrivals, logger } = world;
  const learned = fleets === undefined ? undefined : world.policy.onFleet?.();
  if (fleets === undefined || learned === undefined) return world;
  const memory = new FleetMemory(learned.fleet, fleets, logger);
  return {
    ...world,
    policy: learned.policy,
    snapshots: {
      async load(shard, take) {
        const sequence = await snapshots.load(shard, take);
        await memory.load(shard);
        return sequence;
      },
      async save(lease, sequence, functions) {
        await snapshots.save(lease, sequence, functions);
        await memory.save(lease);
      },
    },
    arrivals: {
      async follow(shard, fromSequence, take) {
        const following = await arrivals.follow(shard, fromSequence, (batch) => {
          memory.reach(batch.sequence);
          take(batch);
        });
        const stop = (): Promise<void> => {
          memory.close();
          return following.stop();
        };
        return { caughtUp: following.caughtUp, stop };
      },
    },
  };
}

class FleetMemory {
  private readonly fleet: FleetLearning;
  private readonly store: FleetStore;
  private readonly logger: ShardWorld["logger"];
  /** Messages of the stream: the last that was learned from before this owner, and the last that came. */
  private learnedTo = 0;
  private reachedTo = 0;
  private savedOutcomes = 0;
  private isClosed = false;

  constructor(fleet: FleetLearning, store: FleetStore, logger: ShardWorld["logger"]) {
    this.fleet = fleet;
    this.store = store;
    this.logger = logger;
  }

  async load(shard: number): Promise<void> {
    const stored = await this.store.load(shard);
    if (stored === undefined) return;
    if (this.fleet.restore(stored.learning)) {
      this.learnedTo = stored.sequence;
      this.savedOutcomes = this.fleet.outcomes;
    } else this.logger.info("learned on other weights, learning anew", { shard });
  }

  /** The message comes next. */
  reach(sequence: number): void {
    if (this.isClosed) return;
    this.fleet.isLearning = sequence > this.learnedTo;
    this.reachedTo = Math.max(this.reachedTo, sequence);
  }

  /** What comes now is no longer taken. */
  close(): void {
    this.isClosed = true;
  }

  /** Saves if anything was learned since the last time. */
  async save(lease: Lease): Promise<void> {
    const { outcomes } = this.fleet;
    if (outcomes === this.savedOutcomes) return;
    const sequence = Math.max(this.reachedTo, this.learnedTo);
    try {
      await this.store.save(lease, { sequence, learning: this.fleet.store() });
      this.savedOutcomes = outcomes;
    } catch (error) {
      const { message } = TidepoolError.from(error);
      this.logger.warn("what was learned is not saved", { shard: lease.shard, error: message });
    }
  }
}
