/** How full the stores of accepted calls are, known to the second: new calls are refused before those accepted lack room. */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Bus } from "@tidepool/actors";
import { systemClock, TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { fillKnownMs, fillMaxShare } from "../async/limits.ts";
import type { Room } from "../async/ports.ts";
import { patiently } from "./patience.ts";

/** Stream, and what of calls lies in it. */
const stores = [
  [subjects.streams.work, "work queue"],
  [`KV_${subjects.buckets.invocations}`, "store of calls"],
  [`KV_${subjects.buckets.dedupe}`, "store of dedupe keys"],
  [subjects.streams.payloads, "store of payloads"],
] as const;

/** When room may come: what has ended makes it. */
const retryAfterMs = 30_000;

export class NatsRoom implements Room {
  private readonly bus: Bus;
  private readonly manager: JetStreamManager;
  private known: { readonly atMs: number; readonly full: Promise<string | undefined> } | undefined;

  constructor(bus: Bus, manager: JetStreamManager) {
    this.bus = bus;
    this.manager = manager;
  }

  async require(): Promise<void> {
    const full = await patiently(this.bus, "accepting a call", () => this.lookOnce());
    if (full !== undefined) throw new TidepoolError("noCapacity", full, { retryAfterMs });
  }

  /** One look for all who ask meanwhile, and in the time after it. */
  private async lookOnce(): Promise<string | undefined> {
    const nowMs = systemClock.nowMs();
    if (this.known === undefined || nowMs - this.known.atMs > fillKnownMs)
      this.known = { atMs: nowMs, full: this.look() };
    const { known } = this;
    return known.full.catch((error: unknown) => {
      if (this.known === known) this.known = undefined;
      throw error;
    });
  }

  /** What is full, in words. */
  private async look(): Promise<string | undefined> {
    const infos = await Promise.all(stores.map(([stream]) => this.manager.streams.info(stream)));
    for (const [index, { state, config }] of infos.entries()) {
      const maxBytes = config.max_bytes * fillMaxShare;
      if (state.bytes < maxBytes) continue;
      const what = stores[index]?.[1] ?? "";
      return `the ${what} is full: ${state.bytes} of ${maxBytes} bytes are taken`;
    }
    return undefined;
  }
}
