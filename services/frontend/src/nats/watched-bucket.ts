/**
 * A JetStream key-value bucket with a copy in memory that a watch keeps fresh: reading costs no round trip,
 * and works while NATS is away.
 *
 * The watch is made anew whenever the server was lost: it then tells everything again, deletions too. An
 * entry replaces another only with a higher revision, so our own writes and the watch may come in any order.
 */
import type { KV, KvEntry } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { messageOf, systemClock } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { patiently, putPatiently } from "./patience.ts";

/** Wait before a watch that ended is made again. */
const watchAgainMs = 250;

export interface Known<T> {
  readonly revision: number;
  /** undefined: deleted at this revision. */
  readonly value: T | undefined;
}

export interface WatchedBucketOptions<T> {
  readonly bus: Bus;
  readonly bucket: KV;
  readonly logger: Logger;
  /** What an entry is, for people: "function 'f'". */
  readonly describe: (key: string) => string;
  /** @throws TidepoolError `invalid` when the entry was not written by a frontend */
  readonly parse: (bytes: Uint8Array) => T;
  readonly encode: (value: T) => Uint8Array;
  /** Called after each change of the copy, whoever made it. */
  readonly onChange?: (key: string, before: T | undefined, after: T | undefined) => void;
}

export class WatchedBucket<T> {
  private readonly options: WatchedBucketOptions<T>;
  private readonly known = new Map<string, Known<T>>();
  private readonly stopping = new AbortController();
  private endWatch: () => void = () => {};
  private watching: Promise<void> = Promise.resolve();

  constructor(options: WatchedBucketOptions<T>) {
    this.options = options;
  }

  /** Resolves when the copy holds all that the bucket held. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.watching = this.keepWatching(resolve);
    });
    void this.followConnection();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.endWatch();
    await this.watching;
  }

  /** From the copy. */
  get(key: string): T | undefined {
    return this.known.get(key)?.value;
  }

  /** From the copy, in no order. */
  values(): readonly T[] {
    return [...this.known.values()].flatMap(({ value }) => (value === undefined ? [] : [value]));
  }

  /** From the store. Undefined when nothing was ever there. @param doing "reading", for people */
  async read(key: string, doing = "reading"): Promise<Known<T> | undefined> {
    const what = `${doing} ${this.options.describe(key)}`;
    const entry = await this.ask(what, (bucket) => bucket.get(key));
    return entry === null ? undefined : this.take(entry);
  }

  /** Undefined when another writer was faster. @param revision of the entry that it replaces; 0 for none */
  async write(key: string, value: T, revision: number): Promise<Known<T> | undefined> {
    const { bus, bucket, describe, encode } = this.options;
    const entry = { key, value: encode(value), revision };
    const written = await putPatiently(bus, `writing ${describe(key)}`, bucket, entry);
    if (written === undefined) return undefined;
    const known = { revision: written, value };
    this.remember(key, known);
    return known;
  }

  async remove(key: string): Promise<void> {
    await this.ask(`deleting ${this.options.describe(key)}`, (bucket) => bucket.delete(key));
    const known = this.known.get(key);
    // The watch brings the true revision of the deletion.
    if (known?.value !== undefined) this.set(key, { ...known, value: undefined });
  }

  private ask<R>(what: string, request: (bucket: KV) => Promise<R>): Promise<R> {
    return patiently(this.options.bus, what, () => request(this.options.bucket));
  }

  private take(entry: KvEntry): Known<T> {
    const value = entry.operation === "PUT" ? this.options.parse(entry.value) : undefined;
    const known = { revision: entry.revision, value };
    this.remember(entry.key, known);
    return known;
  }

  private remember(key: string, known: Known<T>): void {
    const earlier = this.known.get(key);
    if (earlier === undefined || earlier.revision < known.revision) this.set(key, known);
  }

  private set(key: string, known: Known<T>): void {
    const before = this.known.get(key)?.value;
    this.known.set(key, known);
    this.options.onChange?.(key, before, known.value);
  }

  private async keepWatching(onFirst: () => void): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.watchOnce(onFirst);
      } catch (error) {
        this.options.logger.warn("watch ended", { error: messageOf(error) });
      }
      await systemClock.sleep(watchAgainMs, this.stopping.signal).catch(() => {});
    }
    onFirst();
  }

  private async watchOnce(onFirst: () => void): Promise<void> {
    const { bucket, logger } = this.options;
    const { values } = await bucket.status();
    const entries = await bucket.watch();
    this.endWatch = () => entries.stop();
    if (this.stopping.signal.aborted) entries.stop();
    if (values === 0) onFirst();
    for await (const entry of entries) {
      try {
        this.take(entry);
      } catch (error) {
        logger.error("record cannot be read", { key: entry.key, error });
      }
      if (entry.isUpdate || entry.delta === 0) onFirst();
    }
  }

  private async followConnection(): Promise<void> {
    for await (const status of this.options.bus.connection.status()) {
      if (this.stopping.signal.aborted) return;
      if (status.type === "reconnect") this.endWatch();
    }
  }
}
