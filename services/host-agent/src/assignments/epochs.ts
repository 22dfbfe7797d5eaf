/**
 * Fences a shard's commands: a scheduler that has lost its lease may still be talking. The newest epoch seen
 * of a shard is kept; anything older is refused.
 */
import { TidepoolError } from "@tidepool/common";

export class Epochs {
  private readonly newest = new Map<number, number>();

  /** @throws TidepoolError `stale` */
  check(shard: number, epoch: number): void {
    const seen = this.newest.get(shard) ?? 0;
    if (epoch < seen) {
      throw new TidepoolError(
        "stale",
        `shard ${shard} is at epoch ${seen}, this command has ${epoch}`,
      );
    }
    this.newest.set(shard, epoch);
  }
}
