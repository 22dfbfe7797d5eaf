/** Functions in their bucket, each written by compare-and-set; see watched-bucket.ts. */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { encodeRecord, parseRecord } from "../functions/function-record.ts";
import type { StoredFunction } from "../functions/function-record.ts";
import { writeAttemptsMax } from "../limits.ts";
import type { FunctionStore } from "../ports.ts";
import { WatchedBucket } from "./watched-bucket.ts";
import type { Known } from "./watched-bucket.ts";

export type FunctionListener = (
  before: StoredFunction | undefined,
  after: StoredFunction | undefined,
) => void;

export class NatsFunctionStore implements FunctionStore {
  private readonly bucket: WatchedBucket<StoredFunction>;
  private readonly listeners: FunctionListener[] = [];

  constructor(bus: Bus, bucket: KV, logger: Logger) {
    this.bucket = new WatchedBucket({
      bus,
      bucket,
      logger: logger.child({ part: "function store" }),
      describe: (name) => `function '${name}'`,
      parse: parseRecord,
      encode: encodeRecord,
      onChange: (_name, before, after) => {
        for (const listener of this.listeners) listener(before, after);
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

  /** Called after each change that this frontend hears of or makes. */
  onChange(listener: FunctionListener): void {
    this.listeners.push(listener);
  }

  list(): readonly StoredFunction[] {
    return [...this.bucket.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async find(name: string): Promise<StoredFunction | undefined> {
    return this.bucket.get(name) ?? this.read(name);
  }

  async read(name: string): Promise<StoredFunction | undefined> {
    return (await this.bucket.read(name))?.value;
  }

  async create(stored: StoredFunction): Promise<StoredFunction> {
    const earlier = await this.bucket.read(stored.name, "creating");
    const taken = (): TidepoolError =>
      new TidepoolError("alreadyExists", `function '${stored.name}' exists already`);
    if (earlier?.value !== undefined) throw taken();
    // Versions and changes are fewer than the writes that made them, so this is above all given under the name before.
    const base = earlier?.revision ?? 0;
    const fresh = { ...stored, versionsGiven: base, revision: base + 1 };
    if ((await this.bucket.write(stored.name, fresh, base)) === undefined) throw taken();
    return fresh;
  }

  async change(
    name: string,
    edit: (current: StoredFunction) => StoredFunction | Promise<StoredFunction>,
  ): Promise<StoredFunction> {
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const { revision, value: current } = await this.readExisting(name);
      const edited = await edit(current);
      if (edited === current) return current;
      const changed = { ...edited, revision: current.revision + 1 };
      if ((await this.bucket.write(name, changed, revision)) !== undefined) return changed;
    }
    throw new TidepoolError(
      "stale",
      `function '${name}' was changed by others ${writeAttemptsMax} times while it was written`,
    );
  }

  async remove(name: string): Promise<StoredFunction> {
    const { value } = await this.readExisting(name);
    await this.bucket.remove(name);
    return value;
  }

  private async readExisting(
    name: string,
  ): Promise<Known<StoredFunction> & { readonly value: StoredFunction }> {
    const { revision = 0, value } = (await this.bucket.read(name)) ?? {};
    if (value === undefined)
      throw new TidepoolError("notFound", `no function '${name}'`, {
        component: "client",
        reason: "functionUnknown",
      });
    return { revision, value };
  }
}
