/** Tenants in their key-value bucket. Schedulers watch it; here it is read when asked for. */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { storeTimeoutMs } from "../limits.ts";
import type { TenantStore } from "../ports.ts";
import { within } from "./store-failure.ts";

const { TenantRecord } = tidepool.internal.v1;

export class NatsTenantStore implements TenantStore {
  private readonly bus: Bus;
  private readonly bucket: KV;

  constructor(bus: Bus, bucket: KV) {
    this.bus = bus;
    this.bucket = bucket;
  }

  async find(name: string): Promise<tidepool.v1.Tenant.$Properties | undefined> {
    const what = `reading tenant '${name}'`;
    this.requireNats(what);
    const entry = await within(what, storeTimeoutMs, this.bucket.get(name));
    if (entry === null || entry.operation !== "PUT") return undefined;
    return TenantRecord.decode(entry.value).tenant ?? undefined;
  }

  /** The last writer's settings hold: they are replaced as a whole. */
  async put(name: string, tenant: tidepool.v1.Tenant.$Properties): Promise<void> {
    const what = `writing tenant '${name}'`;
    this.requireNats(what);
    const value = TenantRecord.encode({ tenant }).finish();
    await within(what, storeTimeoutMs, this.bucket.put(name, value));
  }

  private requireNats(what: string): void {
    if (this.bus.isConnected) return;
    throw new TidepoolError("unavailable", `${what} failed: the NATS connection is lost`);
  }
}
