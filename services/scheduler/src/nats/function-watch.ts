/** The published functions, kept up to date from their bucket. */
import { followBucket } from "@tidepool/actors";
import type { BucketEntry, Bus, Following, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { FunctionVersion } from "../ports.ts";
import { parseFunctionRecord } from "./parse.ts";

interface Known {
  readonly revision: number;
  readonly version: FunctionVersion | undefined;
}

export class FunctionWatch {
  private readonly logger: Logger;
  private readonly onChanged: (name: string) => void;
  private readonly functions = new Map<string, Known>();
  private following: Following | undefined;

  constructor(logger: Logger, onChanged: (name: string) => void) {
    this.logger = logger;
    this.onChanged = onChanged;
  }

  /** Resolves when every function that is published now is known. */
  async start(bus: Bus, storage: Storage): Promise<void> {
    this.following = await followBucket(bus, storage, {
      bucket: subjects.buckets.functions,
      logger: this.logger,
      receive: (entry) => this.receive(entry),
    });
    await this.following.caughtUp;
  }

  async stop(): Promise<void> {
    await this.following?.stop();
  }

  /** Undefined for a function that does not exist or has no code yet. */
  get(name: string): FunctionVersion | undefined {
    return this.functions.get(name)?.version;
  }

  private receive({ key, revision, value }: BucketEntry): void {
    const known = this.functions.get(key);
    if (known !== undefined && known.revision >= revision) return; // told again after a reconnect
    this.functions.set(key, { revision, version: this.parse(key, value) });
    this.onChanged(key);
    if (value === undefined) this.functions.delete(key);
  }

  private parse(name: string, value: Uint8Array | undefined): FunctionVersion | undefined {
    if (value === undefined) return undefined;
    try {
      return parseFunctionRecord(tidepool.internal.v1.FunctionRecord.decode(value));
    } catch (error) {
      this.logger.error("function record unreadable", { name, error: messageOf(error) });
      return undefined;
    }
  }
}
