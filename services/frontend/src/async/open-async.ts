/** Puts together what accepts calls, runs them and keeps those that have failed. */
import { ensureAsyncStorage } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import type { Clock, Logger } from "@tidepool/common";
import { storeTimeoutMs } from "../limits.ts";
import { NatsRoom } from "../nats/async-room.ts";
import { NatsCancelNews, NatsEvents } from "../nats/call-events.ts";
import { NatsCallStore, NatsDedupeStore } from "../nats/call-store.ts";
import { NatsDeadLetters } from "../nats/dead-letters.ts";
import { NatsPartStore } from "../nats/part-store.ts";
import { NatsWorkQueue } from "../nats/work-queue.ts";
import type { FoundFunction } from "../routing/router.ts";
import type { Invocation } from "../routing/invocation.ts";
import { AsyncCalls } from "./async-calls.ts";
import { DeadLetterBox } from "./dead-letter-box.ts";
import { Settler } from "./settler.ts";
import { AsyncWorker } from "./worker.ts";
import type { WorkerOptions } from "./worker.ts";

export interface OpenedAsync extends Stoppable {
  readonly asyncCalls: AsyncCalls;
  readonly deadLetters: DeadLetterBox;
  /** From now on this frontend runs accepted calls. */
  start(): void;
}

export async function openAsync(options: {
  readonly bus: Bus;
  readonly storage: Storage;
  readonly find: (
    call: Pick<Invocation, "name" | "qualifier" | "requestId">,
    timeoutMs: number,
  ) => Promise<FoundFunction>;
  readonly invoke: WorkerOptions["invoke"];
  readonly clock: Clock;
  readonly logger: Logger;
}): Promise<OpenedAsync> {
  const { bus, storage, find, invoke, clock, logger } = options;
  const buckets = await ensureAsyncStorage(bus);
  const calls = new NatsCallStore(bus, buckets.invocations);
  const parts = new NatsPartStore(bus, storage);
  const queue = new NatsWorkQueue(bus, storage, logger);
  const news = new NatsCancelNews(bus);
  const deadLetters = new NatsDeadLetters(bus, storage);
  const asyncCalls = new AsyncCalls({
    findSettings: async (name, qualifier) => {
      const { stored } = await find({ name, qualifier, requestId: "" }, storeTimeoutMs);
      return stored.settings.async;
    },
    calls,
    dedupe: new NatsDedupeStore(bus, buckets.dedupe),
    parts,
    queue,
    room: new NatsRoom(bus, storage.manager),
    news,
    clock,
    logger,
  });
  const accept: AsyncCalls["accept"] = (call) => asyncCalls.accept(call);
  const events = new NatsEvents(bus);
  const settler = new Settler({ accept, deadLetters, events, parts, logger });
  const worker = new AsyncWorker({ calls, parts, queue, settler, invoke, clock, logger });
  const hearing = news.hear((requestId) => worker.cancelled(requestId));
  return {
    asyncCalls,
    deadLetters: new DeadLetterBox({ store: deadLetters, accept }),
    start: () => worker.start(),
    async stop() {
      await worker.stop();
      await hearing.stop();
    },
  };
}
