/** What owners do with subscriptions. Every frontend listens; each message becomes one call. */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { requireRoomFor } from "../count-limits.ts";
import type { TriggerStore } from "./ports.ts";
import {
  laterThan,
  nameOf,
  parseTriggerName,
  requireRevision,
  revisionOf,
  writtenMeanwhile,
} from "./schedules.ts";
import { subscriptionToWire } from "./subscription-record.ts";
import type { StoredSubscription } from "./subscription-record.ts";
import { parseSubscriptionSettings } from "./subscription-settings.ts";

/** What listening came to. */
export interface Feeds {
  /** Makes what must be there before messages come. @throws TidepoolError `notFound` without such a stream */
  prepare(subscription: StoredSubscription): Promise<void>;
  /** Takes away what it had made. */
  remove(subscription: StoredSubscription): Promise<void>;
  /** Messages not yet accepted as calls; 0 where nobody counts them. */
  pending(subscription: StoredSubscription): Promise<number>;
  /** Why it does not run, in words; "" when it does. */
  problem(name: string): string;
}

export interface SubscriptionsOptions {
  readonly store: TriggerStore<StoredSubscription>;
  readonly feeds: Feeds;
  /** @throws TidepoolError `notFound` */
  readonly requireFunction: (name: string) => Promise<unknown>;
  readonly clock: Clock;
}

type Api = tidepool.v1.Subscription.$Properties;

export class Subscriptions {
  private readonly options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.options = options;
  }

  /** @throws TidepoolError `invalid`, `notFound`, `stale` */
  async put(request: tidepool.v1.PutSubscriptionRequest.$Properties): Promise<Api> {
    const { store, feeds, clock, requireFunction } = this.options;
    const name = parseTriggerName("subscription", request.name);
    const settings = parseSubscriptionSettings(request.settings);
    await requireFunction(settings.functionName);
    const known = await store.read(name);
    const before = known?.value;
    requireRevision(`subscription '${name}'`, request.revision, before);
    if (before === undefined) requireRoomFor("subscriptions", name, store.values().map(nameOf));
    const nowMs = Math.floor(clock.nowMs());
    const updatedAtMs = laterThan(before, nowMs);
    // Another source is another place to go on from.
    const isSame = before !== undefined && sourceOf(before) === sourceOf(settings);
    const createdAtMs = isSame ? before.createdAtMs : updatedAtMs;
    const stored = { ...settings, name, createdAtMs, updatedAtMs };
    await feeds.prepare(stored);
    const written = await store.write(name, stored, known?.revision ?? 0);
    if (written === undefined) throw writtenMeanwhile(`subscription '${name}'`);
    if (before !== undefined && !isSame) await feeds.remove(before);
    return this.toWire(stored);
  }

  /** By name. @param functionName "" for those of all functions */
  async list(functionName: string): Promise<Api[]> {
    const found = this.options.store
      .values()
      .filter((stored) => functionName === "" || stored.functionName === functionName)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return Promise.all(found.map((stored) => this.toWire(stored)));
  }

  /** @throws TidepoolError `notFound` */
  async remove(given: string | undefined): Promise<void> {
    const name = parseTriggerName("subscription", given);
    const stored = (await this.options.store.read(name))?.value;
    if (stored === undefined) throw new TidepoolError("notFound", `no subscription '${name}'`);
    await this.options.store.remove(name);
    await this.options.feeds.remove(stored);
  }

  /** All of a function. Resolves with their names; safe to repeat. */
  async removeOf(functionName: string): Promise<string[]> {
    const { store, feeds } = this.options;
    const found = store.values().filter((each) => each.functionName === functionName);
    for (const stored of found) {
      await store.remove(stored.name);
      await feeds.remove(stored);
    }
    return found.map(nameOf).sort();
  }

  private async toWire(stored: StoredSubscription): Promise<Api> {
    const { feeds } = this.options;
    return {
      name: stored.name,
      settings: subscriptionToWire(stored),
      revision: revisionOf(stored),
      updatedAt: toTimestamp(stored.updatedAtMs),
      pending: await feeds.pending(stored),
      problem: feeds.problem(stored.name),
    };
  }
}

function sourceOf({ source }: Pick<StoredSubscription, "source">): string {
  if (source.kind === "subject") return source.subject;
  return JSON.stringify([source.stream, source.filterSubject, source.fromStart]);
}
