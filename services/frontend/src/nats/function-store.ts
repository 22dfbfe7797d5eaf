/**
 * Functions in a JetStream key-value bucket, with a copy in memory that a watch keeps fresh: a call needs no
 * round trip for its function, and works while NATS is away.
 *
 * The watch is made anew whenever the server was lost: it then tells everything again, deletions too. An
 * entry replaces another only with a higher revision, so our own writes and the watch may come in any order.
 */
import type { KV, KvEntry } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { encodeRecord, parseRecord } from "../functions/function-record.ts";
import type { StoredFunction } from "../functions/function-record.ts";
import { storeTimeoutMs, writeAttemptsMax } from "../limits.ts";
import type { FunctionStore } from "../ports.ts";
import { isLostRace, within } from "./store-failure.ts";

/** Wait before a watch that ended is made again. */
const watchAgainMs = 250;

interface Known {
  readonly revision: number;
  /** undefined: deleted at this revision. */
  readonly stored: StoredFunction | undefined;
}

export class NatsFunctionStore implements FunctionStore {
  private readonly bus: Bus;
  private readonly bucket: KV;
  private readonly logger: Logger;
  private readonly known = new Map<string, Known>();
  private readonly stopping = new AbortController();
  private endWatch: () => void = () => {};
  private watching: Promise<void> = Promise.resolve();

  constructor(bus: Bus, bucket: KV, logger: Logger) {
    this.bus = bus;
    this.bucket = bucket;
    this.logger = logger.child({ part: "function store" });
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

  list(): readonly StoredFunction[] {
    return [...this.known.values()]
      .flatMap(({ stored }) => (stored === undefined ? [] : [stored]))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async find(name: string): Promise<StoredFunction | undefined> {
    const copy = this.known.get(name)?.stored;
    return copy ?? (await this.read(name))?.stored;
  }

  async create(stored: StoredFunction): Promise<StoredFunction> {
    const what = `creating function '${stored.name}'`;
    const taken = (): TidepoolError =>
      new TidepoolError("alreadyExists", `function '${stored.name}' exists already`);
    this.requireNats(what);
    const earlier = await within(what, storeTimeoutMs, this.bucket.get(stored.name));
    if (earlier?.operation === "PUT") throw taken();
    // Versions are fewer than the writes that made them, so this is above all given under the name before.
    const fresh = { ...stored, versionsGiven: earlier?.revision ?? 0 };
    const revision = await within(what, storeTimeoutMs, this.write(fresh, earlier?.revision ?? 0));
    if (revision === undefined) throw taken();
    this.remember(stored.name, { revision, stored: fresh });
    return fresh;
  }

  async change(
    name: string,
    edit: (current: StoredFunction) => StoredFunction,
  ): Promise<StoredFunction> {
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const current = await this.readExisting(name);
      const changed = edit(current.stored);
      const what = `writing function '${name}'`;
      const revision = await within(what, storeTimeoutMs, this.write(changed, current.revision));
      if (revision === undefined) continue;
      this.remember(name, { revision, stored: changed });
      return changed;
    }
    throw new TidepoolError(
      "stale",
      `function '${name}' was changed by others ${writeAttemptsMax} times while it was written`,
    );
  }

  async remove(name: string): Promise<StoredFunction> {
    const { stored } = await this.readExisting(name);
    await within(`deleting function '${name}'`, storeTimeoutMs, this.bucket.delete(name));
    const known = this.known.get(name);
    // The watch brings the true revision of the deletion.
    if (known?.stored !== undefined) this.known.set(name, { ...known, stored: undefined });
    return stored;
  }

  /** Undefined when another writer was faster. */
  private async write(stored: StoredFunction, revision: number): Promise<number | undefined> {
    try {
      return await this.bucket.put(stored.name, encodeRecord(stored), { previousSeq: revision });
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    }
  }

  private async readExisting(
    name: string,
  ): Promise<{ readonly revision: number; readonly stored: StoredFunction }> {
    const { revision = 0, stored } = (await this.read(name)) ?? {};
    if (stored === undefined) throw new TidepoolError("notFound", `no function '${name}'`);
    return { revision, stored };
  }

  private async read(name: string): Promise<Known | undefined> {
    const what = `reading function '${name}'`;
    this.requireNats(what);
    const entry = await within(what, storeTimeoutMs, this.bucket.get(name));
    return entry === null ? undefined : this.take(entry);
  }

  /** A request would wait for the server to come back. */
  private requireNats(what: string): void {
    if (this.bus.isConnected) return;
    throw new TidepoolError("unavailable", `${what} failed: the NATS connection is lost`);
  }

  private take(entry: KvEntry): Known {
    const stored = entry.operation === "PUT" ? parseRecord(entry.value) : undefined;
    const known = { revision: entry.revision, stored };
    this.remember(entry.key, known);
    return known;
  }

  private remember(name: string, known: Known): void {
    const earlier = this.known.get(name);
    if (earlier === undefined || earlier.revision < known.revision) this.known.set(name, known);
  }

  private async keepWatching(onFirst: () => void): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.watchOnce(onFirst);
      } catch (error) {
        this.logger.warn("watch ended", { error: messageOf(error) });
      }
      await systemClock.sleep(watchAgainMs, this.stopping.signal).catch(() => {});
    }
    onFirst();
  }

  private async watchOnce(onFirst: () => void): Promise<void> {
    const { values } = await this.bucket.status();
    const entries = await this.bucket.watch();
    this.endWatch = () => entries.stop();
    if (this.stopping.signal.aborted) entries.stop();
    if (values === 0) onFirst();
    for await (const entry of entries) {
      try {
        this.take(entry);
      } catch (error) {
        this.logger.error("record cannot be read", { name: entry.key, error });
      }
      if (entry.isUpdate || entry.delta === 0) onFirst();
    }
  }

  private async followConnection(): Promise<void> {
    for await (const status of this.bus.connection.status()) {
      if (this.stopping.signal.aborted) return;
      if (status.type === "reconnect") this.endWatch();
    }
  }
}
