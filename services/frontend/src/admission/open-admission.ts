/** Puts together what lets calls in: the limits that tenants have set, and what other frontends count. */
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Clock, Logger } from "@tidepool/common";
import { CountsExchange } from "../nats/counts-exchange.ts";
import { NatsTenantStore } from "../nats/tenant-store.ts";
import { limitsOfTenant } from "../tenants/tenant-settings.ts";
import { Tenants } from "../tenants/tenants.ts";
import { Admission } from "./admission.ts";

export interface OpenedAdmission extends Stoppable {
  readonly admission: Admission;
  readonly tenants: Tenants;
  /** Of this process, unique. */
  readonly frontendId: string;
}

/** Resolves when what tenants have set is known. */
export async function openAdmission(options: {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<OpenedAdmission> {
  const { bus, storage, clock, logger } = options;
  const store = new NatsTenantStore(bus, storage.tenants, logger);
  await store.start();
  const admission = new Admission((tenant) => limitsOfTenant(store.known(tenant)?.settings));
  const exchange = new CountsExchange(bus, admission, clock);
  return {
    admission,
    frontendId: exchange.frontendId,
    tenants: new Tenants(store, clock),
    async stop() {
      await exchange.stop();
      await store.stop();
    },
  };
}
