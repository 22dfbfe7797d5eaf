/**
 * Versions in their bucket, each under "name.version". One is written once and never changed, so the first
 * writer of a number has it: that is how two frontends never give the same number.
 */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { encodeVersion, parseVersion } from "../functions/version-record.ts";
import type { StoredVersion } from "../functions/version-record.ts";
import { versionNumbersTriedMax } from "../limits.ts";
import type { VersionStore } from "../ports.ts";
import { WatchedBucket } from "./watched-bucket.ts";

const keyOf = (name: string, version: string): string => `${name}.${version}`;

export class NatsVersionStore implements VersionStore {
  private readonly bucket: WatchedBucket<StoredVersion>;
  /** Versions by function, as the copy has them. */
  private readonly byName = new Map<string, Map<string, StoredVersion>>();

  constructor(bus: Bus, bucket: KV, logger: Logger) {
    this.bucket = new WatchedBucket({
      bus,
      bucket,
      logger: logger.child({ part: "version store" }),
      describe: (key) => `version '${key}'`,
      parse: parseVersion,
      encode: encodeVersion,
      onChange: (_key, before, after) => this.index(before, after),
    });
  }

  start(): Promise<void> {
    return this.bucket.start();
  }

  stop(): Promise<void> {
    return this.bucket.stop();
  }

  known(name: string, version: string): StoredVersion | undefined {
    return this.byName.get(name)?.get(version);
  }

  async find(name: string, version: string): Promise<StoredVersion | undefined> {
    return this.known(name, version) ?? (await this.bucket.read(keyOf(name, version)))?.value;
  }

  list(name: string): readonly StoredVersion[] {
    const versions = [...(this.byName.get(name)?.values() ?? [])];
    return versions.sort((a, b) => Number(b.version) - Number(a.version));
  }

  codeDigests(): Iterable<string> {
    return this.bucket.values().map(({ codeDigest }) => codeDigest);
  }

  async add(draft: Omit<StoredVersion, "version">, above: number): Promise<StoredVersion> {
    let number = Math.max(above, Number(this.list(draft.name)[0]?.version ?? 0)) + 1;
    for (let tried = 0; tried < versionNumbersTriedMax; tried += 1, number += 1) {
      const version = { ...draft, version: String(number) };
      if ((await this.write(version)) !== undefined) return version;
    }
    throw new TidepoolError(
      "stale",
      `function '${draft.name}' got ${versionNumbersTriedMax} versions from others meanwhile`,
    );
  }

  async ensure(version: StoredVersion): Promise<void> {
    if (this.known(version.name, version.version) === undefined) await this.write(version);
  }

  async remove(name: string, version: string): Promise<void> {
    await this.bucket.remove(keyOf(name, version));
  }

  /** Undefined when the number is taken, by a version that was removed too. */
  private write(version: StoredVersion): ReturnType<WatchedBucket<StoredVersion>["write"]> {
    return this.bucket.write(keyOf(version.name, version.version), version, 0);
  }

  private index(before: StoredVersion | undefined, after: StoredVersion | undefined): void {
    if (after !== undefined) {
      const versions = this.byName.get(after.name) ?? new Map<string, StoredVersion>();
      this.byName.set(after.name, versions.set(after.version, after));
    } else if (before !== undefined) {
      const versions = this.byName.get(before.name);
      versions?.delete(before.version);
      if (versions?.size === 0) this.byName.delete(before.name);
    }
  }
}
