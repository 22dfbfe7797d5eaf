/** A stream's kept messages, oldest first, then, if asked, each new one. */
import { DeliverPolicy } from "@nats-io/jetstream";
import type { JetStreamClient } from "@nats-io/jetstream";
import { storeTimeoutMs } from "../limits.ts";
import { within } from "./store-failure.ts";

export interface StreamQuery {
  /** For errors: "opening the log". */
  readonly what: string;
  readonly stream: string;
  readonly subject: string;
  /** Only what was stored since then; undefined: all that is kept. */
  readonly fromMs: number | undefined;
  readonly follow: boolean;
}

export interface StreamItem {
  readonly data: Uint8Array;
  /** It was there when the reading began. */
  readonly isOld: boolean;
  readonly isLastOld: boolean;
}

/** Ends after the last old one, or, with follow, when the signal aborts. */
export async function* readStream(
  client: JetStreamClient,
  { what, stream, subject, fromMs, follow }: StreamQuery,
  signal: AbortSignal,
): AsyncGenerator<StreamItem> {
  const since =
    fromMs === undefined
      ? { deliver_policy: DeliverPolicy.All }
      : {
          deliver_policy: DeliverPolicy.StartTime,
          opt_start_time: new Date(fromMs).toISOString(),
        };
  const opening = client.consumers.get(stream, { filter_subjects: subject, ...since });
  const consumer = await within(what, storeTimeoutMs, opening);
  const info = await within(what, storeTimeoutMs, consumer.info());
  if (info.num_pending === 0 && !follow) return;
  const messages = await within(what, storeTimeoutMs, consumer.consume());
  const stop = (): void => void messages.close();
  signal.addEventListener("abort", stop, { once: true });
  let isOld = info.num_pending > 0;
  try {
    // What nobody reads is never closed.
    if (signal.aborted) stop();
    for await (const message of messages) {
      const isLastOld = isOld && message.info.pending === 0;
      yield { data: message.data, isOld, isLastOld };
      if (isLastOld) isOld = false;
      if (isLastOld && !follow) return;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    await messages.close();
  }
}
