/**
 * Reads a stream or a bucket in order and goes on reading: what the server forgets when it restarts (its
 * side of the reading) is set up again as soon as it is back, from the message after the last one received.
 *
 * A bucket is read as the latest value of each key; after a reconnect every key is delivered again, so that
 * receiving one twice must be harmless.
 */
import { DeliverPolicy } from "@nats-io/jetstream";
import type { ConsumerInfo, JsMsg, PushConsumer } from "@nats-io/jetstream";
import { messageOf, systemClock, TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { Bus, Stoppable } from "./bus.ts";
import type { Storage } from "./storage.ts";

export interface StreamMessage {
  readonly subject: string;
  readonly sequence: number;
  /** When the server stored it, ms since 1970 UTC by the server's clock. */
  readonly storedAtMs: number;
  readonly data: Uint8Array;
}

export interface BucketEntry {
  readonly key: string;
  readonly revision: number;
  /** When the server stored it, ms since 1970 UTC by the server's clock. */
  readonly storedAtMs: number;
  /** Undefined when the key was deleted. */
  readonly value: Uint8Array | undefined;
}

export interface Following extends Stoppable {
  /** Resolves when everything that was stored at the start has been received. */
  readonly caughtUp: Promise<void>;
  /** Begins to read anew, from another copy perhaps. */
  again(): void;
}

/** Between two attempts to set up the reading again. */
export const reopenWaitMs = 250;
/**
 * Longest that one attempt may take. The server puts the reading on one of those that have the stream, and may take one
 * that is away: the next attempt is put elsewhere, and may take longer, for servers that are only slow.
 */
export const openAttemptMaxMs = 2_000;
export const openAttemptLongestMs = 8_000;
/** Longest that attempts go on at the start. */
export const openMaxMs = 20_000;

/** @throws TidepoolError `unavailable` when the stream cannot be read at the start */
export function followStream(
  bus: Bus,
  storage: Storage,
  options: {
    readonly stream: string;
    readonly subject: string;
    /** First sequence to receive; a stream that ends before it was lost and is read from its start. */
    readonly fromSequence: number;
    readonly logger: Logger;
    readonly receive: (message: StreamMessage) => void;
  },
): Promise<Following> {
  let next = options.fromSequence;
  return Follower.open(bus, options.logger, {
    what: options.stream,
    async consumer() {
      const { state } = await storage.manager.streams.info(options.stream);
      return storage.client.consumers.getPushConsumer(options.stream, {
        filter_subjects: options.subject,
        opt_start_seq: state.last_seq + 1 < next ? 1 : Math.max(1, next),
      });
    },
    receive(message) {
      next = message.seq + 1;
      options.receive({
        subject: message.subject,
        sequence: message.seq,
        storedAtMs: message.info.timestampNanos / 1e6,
        data: message.data,
      });
    },
  });
}

/** @throws TidepoolError `unavailable` when the bucket cannot be read at the start */
export function followBucket(
  bus: Bus,
  storage: Storage,
  options: {
    readonly bucket: string;
    readonly logger: Logger;
    readonly receive: (entry: BucketEntry) => void;
    /** Called before each round of all keys: once at the start, and after each reconnect. */
    readonly onRound?: () => void;
  },
): Promise<Following> {
  const prefix = `$KV.${options.bucket}.`;
  return Follower.open(bus, options.logger, {
    what: options.bucket,
    consumer() {
      options.onRound?.();
      return storage.client.consumers.getPushConsumer(`KV_${options.bucket}`, {
        filter_subjects: `${prefix}>`,
        deliver_policy: DeliverPolicy.LastPerSubject,
      });
    },
    receive(message) {
      const operation = message.headers?.get("KV-Operation") ?? "";
      options.receive({
        key: message.subject.slice(prefix.length),
        revision: message.seq,
        storedAtMs: message.info.timestampNanos / 1e6,
        value: operation === "" ? message.data : undefined,
      });
    },
  });
}

interface Source {
  readonly what: string;
  consumer(): Promise<PushConsumer>;
  receive(message: JsMsg): void;
}

class Follower implements Following {
  readonly caughtUp: Promise<void>;
  private readonly bus: Bus;
  private readonly logger: Logger;
  private readonly source: Source;
  private readonly stopped = new AbortController();
  private readonly forgetReconnect: () => void;
  private noteCaughtUp: () => void = () => {};
  private pendingCount = 0;
  private failedAttempts = 0;
  /** Grows with each opening: messages and endings of an earlier one are ignored. */
  private round = 0;
  private close: () => Promise<void> = () => Promise.resolve();

  private constructor(bus: Bus, logger: Logger, source: Source) {
    this.bus = bus;
    this.logger = logger;
    this.source = source;
    this.caughtUp = new Promise((resolve) => (this.noteCaughtUp = resolve));
    this.forgetReconnect = bus.onReconnect(() => void this.reopen());
  }

  static async open(bus: Bus, logger: Logger, source: Source): Promise<Follower> {
    const follower = new Follower(bus, logger, source);
    const deadlineAtMs = systemClock.nowMs() + openMaxMs;
    for (;;) {
      try {
        await follower.openRound();
        return follower;
      } catch (error) {
        const isUnanswered = error instanceof TidepoolError;
        if (isUnanswered && systemClock.nowMs() < deadlineAtMs) continue;
        await follower.stop();
        const message = `${source.what} cannot be read: ${messageOf(error)}`;
        throw new TidepoolError("unavailable", message, { cause: error });
      }
    }
  }

  async stop(): Promise<void> {
    this.stopped.abort(new TidepoolError("cancelled", `reading of ${this.source.what} stopped`));
    this.round += 1;
    this.forgetReconnect();
    await this.close();
  }

  again(): void {
    void this.reopen();
  }

  private async openRound(): Promise<void> {
    this.round += 1;
    const round = this.round;
    const { consumer, info } = await this.makeConsumer();
    if (round !== this.round) {
      await consumer.delete().catch(() => false); // the server forgets it by itself
      return;
    }
    this.pendingCount = info.num_pending;
    const messages = await consumer.consume({
      callback: (message) => {
        if (round === this.round) this.receive(message);
      },
    });
    this.close = async () => {
      messages.stop();
      // The server forgets it by itself when it cannot be told.
      if (this.bus.isConnected) await consumer.delete().catch(() => false);
    };
    if (this.pendingCount === 0) this.noteCaughtUp();
    void messages.closed().then(() => {
      if (round === this.round) void this.reopen();
    });
  }

  /** @throws TidepoolError `unavailable` when it takes too long */
  private async makeConsumer(): Promise<{ consumer: PushConsumer; info: ConsumerInfo }> {
    const making = this.source
      .consumer()
      .then(async (consumer) => ({ consumer, info: await consumer.info(true) }));
    const made = new AbortController();
    const maxMs = Math.min(openAttemptLongestMs, openAttemptMaxMs * 2 ** this.failedAttempts);
    const tooLong = systemClock.sleep(maxMs, made.signal).then(() => {
      throw new TidepoolError("unavailable", `no answer in ${maxMs} ms`);
    });
    try {
      const found = await Promise.race([making, tooLong]);
      this.failedAttempts = 0;
      return found;
    } catch (error) {
      this.failedAttempts += 1;
      // Should it be made after all, nobody reads it.
      void making.then(({ consumer }) => consumer.delete()).catch(() => false);
      throw error;
    } finally {
      tooLong.catch(() => {}); // it was in time
      made.abort();
    }
  }

  private async reopen(): Promise<void> {
    const { signal } = this.stopped;
    const mine = (this.round += 1);
    const close = this.close;
    this.close = () => Promise.resolve();
    await close();
    while (!signal.aborted && mine === this.round) {
      try {
        await this.openRound();
        this.logger.debug("reading again", { source: this.source.what });
        return;
      } catch (error) {
        if (mine + 1 !== this.round) return; // another attempt has begun
        this.round = mine;
        this.logger.warn("cannot be read yet", {
          source: this.source.what,
          error: messageOf(error),
        });
        await systemClock.sleep(reopenWaitMs, signal).catch(() => {});
      }
    }
  }

  private receive(message: JsMsg): void {
    try {
      this.source.receive(message);
    } catch (error) {
      this.logger.error("message not handled", { subject: message.subject, error });
    }
    if (this.pendingCount > 0) {
      this.pendingCount -= 1;
      if (this.pendingCount === 0) this.noteCaughtUp();
    }
  }
}
