/** Tenants in their key-value bucket; see watched-bucket.ts. Schedulers watch it too. */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { writeAttemptsMax } from "../limits.ts";
import type { TenantStore } from "../ports.ts";
import { WatchedBucket } from "./watched-bucket.ts";

type Tenant = tidepool.v1.Tenant.$Properties;

const { TenantRecord } = tidepool.internal.v1;

export class NatsTenantStore implements TenantStore {
  private readonly bucket: WatchedBucket<Tenant>;

  constructor(bus: Bus, bucket: KV, logger: Logger) {
    this.bucket = new WatchedBucket({
      bus,
      bucket,
      logger: logger.child({ part: "tenant store" }),
      describe: (name) => `tenant '${name}'`,
      parse: (bytes): Tenant => TenantRecord.decode(bytes).tenant ?? {},
      encode: (tenant) => TenantRecord.encode({ tenant }).finish(),
    });
  }

  /** Resolves when the copy holds all that the bucket held. */
  start(): Promise<void> {
    return this.bucket.start();
  }

  stop(): Promise<void> {
    return this.bucket.stop();
  }

  /** From the copy: for calls, which wait for nothing. */
  known(name: string): Tenant | undefined {
    return this.bucket.get(name);
  }

  async find(name: string): Promise<Tenant | undefined> {
    return (await this.bucket.read(name))?.value;
  }

  /** The last writer's settings hold: they are replaced as a whole. */
  async put(name: string, tenant: Tenant): Promise<void> {
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const revision = (await this.bucket.read(name))?.revision ?? 0;
      if ((await this.bucket.write(name, tenant, revision)) !== undefined) return;
    }
    throw new TidepoolError(
      "stale",
      `tenant '${name}' was changed by others ${writeAttemptsMax} times while it was written`,
    );
  }
}
