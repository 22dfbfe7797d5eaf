/** Puts together what keeps schedules and subscriptions, and accepts the calls that ticks and messages become. */
import { followBucket } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { decodeProgress, decodeSchedule, encodeSchedule } from "@tidepool/schedules";
import type { Progress, StoredSchedule } from "@tidepool/schedules";
import { NatsFeeds } from "../nats/feeds.ts";
import { WatchedBucket } from "../nats/watched-bucket.ts";
import type { AcceptCall } from "./ports.ts";
import { Schedules } from "./schedules.ts";
import { decodeSubscription, encodeSubscription } from "./subscription-record.ts";
import type { StoredSubscription } from "./subscription-record.ts";
import { Subscriptions } from "./subscriptions.ts";

export interface OpenedTriggers extends Stoppable {
  readonly schedules: Schedules;
  readonly subscriptions: Subscriptions;
}

export async function openTriggers(options: {
  readonly bus: Bus;
  readonly storage: Storage;
  /** @throws TidepoolError `notFound` */
  readonly requireFunction: (name: string) => Promise<unknown>;
  readonly accept: AcceptCall;
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<OpenedTriggers> {
  const { bus, storage, requireFunction, accept, clock } = options;
  const logger = options.logger.child({ part: "triggers" });
  const stored = new WatchedBucket<StoredSchedule>({
    bus,
    bucket: storage.schedules,
    logger,
    describe: (name) => `schedule '${name}'`,
    parse: decodeSchedule,
    encode: encodeSchedule,
  });
  const progress = new Map<string, Progress>();
  const following = await followBucket(bus, storage, {
    bucket: subjects.buckets.scheduleProgress,
    logger,
    receive({ key, value }) {
      if (value === undefined) progress.delete(key);
      else noteProgress(progress, key, value, logger);
    },
  });
  const feeds = new NatsFeeds({ bus, storage, accept, logger });
  const storedSubscriptions = new WatchedBucket<StoredSubscription>({
    bus,
    bucket: storage.subscriptions,
    logger,
    describe: (name) => `subscription '${name}'`,
    parse: decodeSubscription,
    encode: encodeSubscription,
    onChange: (name, _before, after) => feeds.changed(name, after),
  });
  await Promise.all([stored.start(), storedSubscriptions.start(), following.caughtUp]);
  const subscriptions = new Subscriptions({
    store: storedSubscriptions,
    feeds,
    requireFunction,
    clock,
  });
  const schedules = new Schedules({
    store: stored,
    progressOf: (name) => progress.get(name),
    requireFunction,
    clock,
  });
  const { InvokeAsyncRequest, InvokeAsyncResponse } = tidepool.v1;
  const serving = bus.serve(
    "accept call",
    subjects.acceptCall,
    InvokeAsyncRequest,
    InvokeAsyncResponse,
    async ({ name, requestId, qualifier, payload }) =>
      InvokeAsyncResponse.create(await accept({ name: name ?? "", requestId, qualifier, payload })),
    "frontends",
  );
  return {
    schedules,
    subscriptions,
    async stop() {
      await Promise.all([serving.stop(), feeds.stop()]);
      await Promise.all([stored.stop(), storedSubscriptions.stop(), following.stop()]);
    },
  };
}

function noteProgress(
  known: Map<string, Progress>,
  name: string,
  bytes: Uint8Array,
  logger: Logger,
): void {
  try {
    known.set(name, decodeProgress(bytes));
  } catch (error) {
    logger.error("progress of a schedule unreadable", { name, error: messageOf(error) });
  }
}
