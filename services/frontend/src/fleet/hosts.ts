/** Hosts for their operators: which there are, and which get no work. */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { DrainStore } from "../ports.ts";
import type { HostMessage, HostsView } from "./hosts-view.ts";

export class Hosts {
  private readonly view: HostsView;
  private readonly store: DrainStore;
  private readonly clock: Clock;

  constructor(view: HostsView, store: DrainStore, clock: Clock) {
    this.view = view;
    this.store = store;
    this.clock = clock;
  }

  list(): HostMessage[] {
    return [...this.view.list(this.store.all(), this.clock.nowMs())];
  }

  /** Idempotent: it stays drained since the first time. @throws TidepoolError `notFound` */
  async drain(given: string | undefined): Promise<HostMessage> {
    const hostId = this.require(given);
    return this.describe(hostId, await this.store.drain(hostId, this.clock.nowMs()));
  }

  /** Idempotent. @throws TidepoolError `notFound` */
  async undrain(given: string | undefined): Promise<HostMessage> {
    const hostId = this.require(given);
    await this.store.undrain(hostId);
    return this.describe(hostId, undefined);
  }

  private describe(hostId: string, drainedAtMs: number | undefined): HostMessage {
    return this.view.describe(hostId, drainedAtMs, this.clock.nowMs());
  }

  private require(hostId = ""): string {
    const isKnown = this.view.has(hostId) || this.store.all().has(hostId);
    if (subjects.isToken(hostId) && isKnown) return hostId;
    throw new TidepoolError(
      "notFound",
      `no host '${hostId.slice(0, subjects.tokenLengthMax)}' was heard`,
    );
  }
}
