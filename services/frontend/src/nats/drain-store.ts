/** Which hosts operators have drained, in their bucket; see watched-bucket.ts. Each host watches its own entry. */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import type { Logger } from "@tidepool/common";
import { TidepoolError } from "@tidepool/common";
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";
import { writeAttemptsMax } from "../limits.ts";
import type { DrainStore } from "../ports.ts";
import { WatchedBucket } from "./watched-bucket.ts";

const { HostRecord } = tidepool.internal.v1;

export class NatsDrainStore implements DrainStore {
  private readonly bucket: WatchedBucket<number>;
  private readonly drained = new Map<string, number>();

  constructor(bus: Bus, bucket: KV, logger: Logger) {
    this.bucket = new WatchedBucket<number>({
      bus,
      bucket,
      logger: logger.child({ part: "drain store" }),
      describe: (hostId) => `host '${hostId}'`,
      parse: (bytes) => fromTimestamp(HostRecord.decode(bytes).drainedAt) ?? 0,
      encode: (drainedAtMs) => HostRecord.encode({ drainedAt: toTimestamp(drainedAtMs) }).finish(),
      onChange: (hostId, _before, after) => {
        if (after === undefined) this.drained.delete(hostId);
        else this.drained.set(hostId, after);
      },
    });
  }

  /** Resolves when the copy holds all that the bucket held. */
  start(): Promise<void> {
    return this.bucket.start();
  }

  stop(): Promise<void> {
    return this.bucket.stop();
  }

  all(): ReadonlyMap<string, number> {
    return this.drained;
  }

  async drain(hostId: string, nowMs: number): Promise<number> {
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const known = await this.bucket.read(hostId);
      if (known?.value !== undefined) return known.value;
      const written = await this.bucket.write(hostId, nowMs, known?.revision ?? 0);
      if (written !== undefined) return nowMs;
    }
    throw new TidepoolError(
      "stale",
      `host '${hostId}' was changed by others ${writeAttemptsMax} times while it was drained`,
    );
  }

  async undrain(hostId: string): Promise<void> {
    if ((await this.bucket.read(hostId))?.value !== undefined) await this.bucket.remove(hostId);
  }
}
