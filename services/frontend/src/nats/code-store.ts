/** Zips in a JetStream Object Store, each under the hex digits of its digest. */
import { createHash } from "node:crypto";
import type { ObjectStore } from "@nats-io/obj";
import type { PatientBus } from "./patience.ts";
import { patiently } from "./patience.ts";
import { storeTimeoutMs } from "../limits.ts";
import type { CodeStore } from "../ports.ts";
import { within } from "./store-failure.ts";

/** A zip of 50 MiB through a busy server. */
const transferMaxMs = 60_000;
/** A part that is gone is waited for in vain. */
const wholeMaxMs = 10_000;
const prefix = "sha256:";

export class NatsCodeStore implements CodeStore {
  private readonly bus: PatientBus;
  private readonly objects: ObjectStore;

  constructor(bus: PatientBus, objects: ObjectStore) {
    this.bus = bus;
    this.objects = objects;
  }

  async has(digest: string): Promise<boolean> {
    const found = await patiently(this.bus, "looking up code", () =>
      this.objects.info(nameOf(digest)),
    );
    return found !== null && !found.deleted;
  }

  async put(digest: string, zip: Uint8Array): Promise<void> {
    if ((await this.has(digest)) && (await this.isWhole(digest))) return;
    const name = nameOf(digest);
    const put = (): Promise<unknown> => this.objects.putBlob({ name }, zip);
    await patiently(this.bus, "storing code", put, transferMaxMs);
  }

  /** Who uploads again because hosts found it damaged has it written anew. */
  private async isWhole(digest: string): Promise<boolean> {
    const reading = within("reading code", wholeMaxMs, this.objects.getBlob(nameOf(digest)));
    const found = await reading.catch(() => null); // damaged, or a part of it is gone
    return found !== null && digestOf(found) === nameOf(digest);
  }

  async get(digest: string): Promise<Uint8Array | undefined> {
    const found = await within("reading code", transferMaxMs, this.objects.getBlob(nameOf(digest)));
    return found ?? undefined;
  }

  async remove(digest: string): Promise<void> {
    await within("removing code", storeTimeoutMs, this.objects.delete(nameOf(digest)));
  }

  async list(): Promise<readonly { readonly digest: string; readonly storedAtMs: number }[]> {
    const objects = await within("listing code", storeTimeoutMs, this.objects.list());
    return objects
      .filter(({ deleted }) => !deleted)
      .map(({ name, mtime }) => ({ digest: prefix + name, storedAtMs: Date.parse(mtime) }));
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function nameOf(digest: string): string {
  return digest.slice(prefix.length);
}
