/**
 * The published functions, kept up to date from their bucket. Versions other than the active one are read when
 * they are first asked for, which is only where calls come for them; until then the active one is told.
 */
import { followBucket } from "@tidepool/actors";
import type { BucketEntry, Bus, Following, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { FunctionVersion } from "../ports.ts";
import { parsePublished, parseVersionRecord, versionFor } from "./published-function.ts";
import type { PublishedFunction } from "./published-function.ts";

interface Known {
  readonly revision: number;
  readonly published: PublishedFunction | undefined;
  /** Versions that were asked for; undefined in it: it cannot be had. */
  others: ReadonlyMap<string, FunctionVersion | undefined> | undefined;
}

export class FunctionWatch {
  private readonly logger: Logger;
  private readonly onChanged: (name: string) => void;
  private readonly functions = new Map<string, Known>();
  /** Revisions of records whose aliases' versions are being read. */
  private readonly deferred = new Map<string, number>();
  /** "name.version" of what is being read. */
  private readonly reading = new Set<string>();
  private versions: Storage["versions"] | undefined;
  private following: Following | undefined;

  constructor(logger: Logger, onChanged: (name: string) => void) {
    this.logger = logger;
    this.onChanged = onChanged;
  }

  /** Resolves when every function that is published now is known. */
  async start(bus: Bus, storage: Storage): Promise<void> {
    this.versions = storage.versions;
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

  /**
   * Undefined for a function that does not exist or has no code yet.
   * @param qualifier an alias or a version; its change is told when it has been read
   */
  get(name: string, qualifier = ""): FunctionVersion | undefined {
    const known = this.functions.get(name);
    const published = known?.published;
    if (known === undefined || published === undefined) return undefined;
    const { active } = published;
    const version = versionFor(published, qualifier);
    if (version === undefined || version === active.version) return active;
    if (known.others?.has(version) === true) return known.others.get(version) ?? active;
    void this.readAndTell(known, name, version);
    return active;
  }

  private receive({ key, revision, value }: BucketEntry): void {
    const known = this.functions.get(key);
    if (known !== undefined && known.revision >= revision) return; // told again after a reconnect
    this.deferred.delete(key);
    const published = this.parse(key, value);
    if (published === undefined || known?.others === undefined) {
      this.take(key, { revision, published, others: undefined }, value === undefined);
    } else {
      this.deferred.set(key, revision);
      void this.takeWithVersions(key, revision, published);
    }
  }

  /** An alias goes elsewhere at once, not first to the active version. */
  private async takeWithVersions(
    name: string,
    revision: number,
    published: PublishedFunction,
  ): Promise<void> {
    const wanted = new Set(published.aliases?.values());
    wanted.delete(published.active.version);
    const others = new Map<string, FunctionVersion | undefined>();
    for (const version of wanted) others.set(version, await this.read(published, version));
    if (this.deferred.get(name) !== revision) return; // a newer record has come
    this.deferred.delete(name);
    this.take(name, { revision, published, others }, false);
  }

  private take(name: string, known: Known, isDeleted: boolean): void {
    this.functions.set(name, known);
    this.onChanged(name);
    if (isDeleted) this.functions.delete(name);
  }

  private async readAndTell(known: Known, name: string, version: string): Promise<void> {
    const key = `${name}.${version}`;
    if (known.published === undefined || this.reading.has(key)) return;
    this.reading.add(key);
    const found = await this.read(known.published, version);
    this.reading.delete(key);
    if (this.functions.get(name) !== known) return; // what has replaced it reads anew
    known.others = new Map([...(known.others ?? []), [version, found]]);
    this.onChanged(name);
  }

  private async read(
    published: PublishedFunction,
    version: string,
  ): Promise<FunctionVersion | undefined> {
    const { name } = published.active;
    try {
      const entry = await this.versions?.get(`${name}.${version}`);
      return entry?.operation === "PUT" ? parseVersionRecord(entry.value, published) : undefined;
    } catch (error) {
      this.logger.warn("version cannot be read", { name, version, error: messageOf(error) });
      return undefined;
    }
  }

  private parse(name: string, value: Uint8Array | undefined): PublishedFunction | undefined {
    if (value === undefined) return undefined;
    try {
      return parsePublished(value);
    } catch (error) {
      this.logger.error("function record unreadable", { name, error: messageOf(error) });
      return undefined;
    }
  }
}
