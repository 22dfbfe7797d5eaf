/** What firing schedules needs of the outside. */
import type { Progress, StoredSchedule } from "@tidepool/schedules";

/** A tick as the call that it becomes. */
export interface TickCall {
  readonly requestId: string;
  readonly functionName: string;
  readonly qualifier: string;
  readonly payload: Uint8Array;
}

export interface CallAcceptor {
  /** Durable when it resolves, and once however often it is asked. @throws TidepoolError */
  accept(call: TickCall): Promise<void>;
}

export interface KnownProgress {
  readonly revision: number;
  readonly progress: Progress | undefined;
}

export interface ProgressStore {
  /** The new revision; undefined when it was written by somebody else since. */
  write(name: string, progress: Progress, revision: number): Promise<number | undefined>;
  /** From the store. */
  read(name: string): Promise<KnownProgress>;
}

/** The schedules of one shard, as far as they are known now. */
export interface ScheduleSource {
  /** In no order. */
  ofShard(shard: number): readonly StoredSchedule[];
  find(name: string): StoredSchedule | undefined;
  progressOf(name: string): KnownProgress;
}
