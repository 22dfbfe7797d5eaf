/** Sealed secrets in their bucket; see watched-bucket.ts. */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";
import { writeAttemptsMax } from "../limits.ts";
import type { SecretStore, StoredSecret } from "../ports.ts";
import { WatchedBucket } from "./watched-bucket.ts";

const { SecretRecord } = tidepool.internal.v1;

interface Named {
  readonly name: string;
  readonly secret: StoredSecret;
}

export class NatsSecretStore implements SecretStore {
  private readonly bucket: WatchedBucket<StoredSecret>;
  private readonly names = new Set<string>();

  constructor(bus: Bus, bucket: KV, logger: Logger) {
    this.bucket = new WatchedBucket<StoredSecret>({
      bus,
      bucket,
      logger: logger.child({ part: "secret store" }),
      describe: (name) => `secret '${name}'`,
      parse: (bytes) => {
        const { createdAt, updatedAt, sealed, keyId } = SecretRecord.decode(bytes);
        return {
          createdAtMs: fromTimestamp(createdAt) ?? 0,
          updatedAtMs: fromTimestamp(updatedAt) ?? 0,
          sealed,
          keyId,
        };
      },
      encode: ({ createdAtMs, updatedAtMs, sealed, keyId }) =>
        SecretRecord.encode({
          createdAt: toTimestamp(createdAtMs),
          updatedAt: toTimestamp(updatedAtMs),
          sealed,
          keyId,
        }).finish(),
      onChange: (name, _before, after) => {
        if (after === undefined) this.names.delete(name);
        else this.names.add(name);
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

  async find(name: string): Promise<StoredSecret | undefined> {
    return this.bucket.get(name) ?? (await this.bucket.read(name))?.value;
  }

  list(): readonly Named[] {
    return [...this.names].sort().flatMap((name) => {
      const secret = this.bucket.get(name);
      return secret === undefined ? [] : [{ name, secret }];
    });
  }

  async put(
    name: string,
    make: (before: StoredSecret | undefined) => StoredSecret,
  ): Promise<StoredSecret> {
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const known = await this.bucket.read(name);
      const secret = make(known?.value);
      const written = await this.bucket.write(name, secret, known?.revision ?? 0);
      if (written !== undefined) return secret;
    }
    throw new TidepoolError(
      "stale",
      `secret '${name}' was changed by others ${writeAttemptsMax} times while it was written`,
    );
  }

  async remove(name: string): Promise<void> {
    if ((await this.bucket.read(name))?.value === undefined) {
      throw new TidepoolError("notFound", `no secret '${name}'`);
    }
    await this.bucket.remove(name);
  }
}
