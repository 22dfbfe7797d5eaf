/** Tenants: until there are more, the one that every function belongs to, and what it has set for all of them. */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { TenantStore } from "../ports.ts";
import { parseTenantSettings } from "./tenant-settings.ts";

export const tenantDefault = "default";

type Tenant = tidepool.v1.Tenant.$Properties;

export class Tenants {
  private readonly store: TenantStore;
  private readonly clock: Clock;

  constructor(store: TenantStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** @throws TidepoolError `notFound` */
  async get(given: string | undefined): Promise<Tenant> {
    const name = known(given);
    return (await this.store.find(name)) ?? { name, settings: parseTenantSettings(undefined) };
  }

  /** Replaces all its settings. @throws TidepoolError `notFound`, `invalid` */
  async update(
    given: string | undefined,
    settings: tidepool.v1.TenantSettings.$Properties | null | undefined,
  ): Promise<Tenant> {
    const name = known(given);
    const updatedAt = toTimestamp(this.clock.nowMs());
    const tenant = { name, settings: parseTenantSettings(settings), updatedAt };
    await this.store.put(name, tenant);
    return tenant;
  }
}

function known(given: string | undefined): string {
  const name = given || tenantDefault;
  if (name === tenantDefault) return name;
  throw new TidepoolError(
    "notFound",
    `no tenant '${name.slice(0, 80)}': every function belongs to '${tenantDefault}'`,
  );
}
