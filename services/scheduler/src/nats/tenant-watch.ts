/** What tenants have set, kept up to date from their bucket. A tenant that set nothing has the defaults. */
import { followBucket } from "@tidepool/actors";
import type { BucketEntry, Bus, Following, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { tenantTermsDefault } from "../ports.ts";
import type { TenantTerms } from "../ports.ts";
import { parseTenantRecord } from "./parse.ts";

export class TenantWatch {
  private readonly logger: Logger;
  private readonly onChanged: (tenant: string) => void;
  private readonly tenants = new Map<string, { revision: number; terms: TenantTerms }>();
  private following: Following | undefined;

  constructor(logger: Logger, onChanged: (tenant: string) => void) {
    this.logger = logger;
    this.onChanged = onChanged;
  }

  /** Resolves when everything that is set now is known. */
  async start(bus: Bus, storage: Storage): Promise<void> {
    this.following = await followBucket(bus, storage, {
      bucket: subjects.buckets.tenants,
      logger: this.logger,
      receive: (entry) => this.receive(entry),
    });
    await this.following.caughtUp;
  }

  async stop(): Promise<void> {
    await this.following?.stop();
  }

  get(tenant: string): TenantTerms {
    return this.tenants.get(tenant)?.terms ?? tenantTermsDefault;
  }

  private receive({ key, revision, value }: BucketEntry): void {
    if ((this.tenants.get(key)?.revision ?? 0) >= revision) return; // told again after a reconnect
    this.tenants.set(key, { revision, terms: this.parse(key, value) });
    this.onChanged(key);
  }

  private parse(tenant: string, value: Uint8Array | undefined): TenantTerms {
    if (value === undefined) return tenantTermsDefault;
    try {
      return parseTenantRecord(tidepool.internal.v1.TenantRecord.decode(value));
    } catch (error) {
      this.logger.error("tenant record unreadable", { tenant, error: messageOf(error) });
      return this.get(tenant);
    }
  }
}
