/** Tenants: who functions belong to, and what each has set for all of its own. There is one as soon as it has a token. */
import type { Clock } from "@tidepool/common";
import { subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { TenantStore } from "../ports.ts";
import { isOperator } from "../door/visit.ts";
import type { Caller } from "../door/visit.ts";
import { unknownTenant } from "./unknown-tenant.ts";
import { parseTenantSettings } from "./tenant-settings.ts";

type Tenant = tidepool.v1.Tenant.$Properties;

export class Tenants {
  private readonly store: TenantStore;
  private readonly clock: Clock;

  constructor(store: TenantStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** @throws TidepoolError `notFound` */
  async get(given: string | undefined, caller: Pick<Caller, "tenant" | "role">): Promise<Tenant> {
    const name = given || caller.tenant;
    if (name !== caller.tenant && !isOperator(caller)) throw unknownTenant(name);
    return this.find(name);
  }

  /** Makes its record where there is none. */
  async ensure(name: string): Promise<void> {
    if ((await this.store.find(name)) !== undefined) return;
    const updatedAt = toTimestamp(this.clock.nowMs());
    await this.store.put(name, { name, settings: parseTenantSettings(undefined), updatedAt });
  }

  /** Replaces all its settings. @throws TidepoolError `notFound`, `invalid` */
  async update(
    given: string | undefined,
    settings: tidepool.v1.TenantSettings.$Properties | null | undefined,
  ): Promise<Tenant> {
    const { name } = await this.find(given || subjects.tenantDefault);
    const updatedAt = toTimestamp(this.clock.nowMs());
    const tenant = { name, settings: parseTenantSettings(settings), updatedAt };
    await this.store.put(name, tenant);
    return tenant;
  }

  private async find(name: string): Promise<Tenant & { readonly name: string }> {
    const found = subjects.isTenant(name) ? await this.store.find(name) : undefined;
    if (found === undefined && name !== subjects.tenantDefault) throw unknownTenant(name);
    return { settings: parseTenantSettings(undefined), ...found, name };
  }
}
