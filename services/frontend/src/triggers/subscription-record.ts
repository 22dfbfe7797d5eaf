/** A subscription as it is stored, and its settings on the wire. */
import { TidepoolError } from "@tidepool/common";
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";

/** A NATS subject, or messages of a JetStream stream. */
export type Source =
  | { readonly kind: "subject"; readonly subject: string }
  | {
      readonly kind: "stream";
      readonly stream: string;
      /** Empty: all subjects of the stream. */
      readonly filterSubject: string;
      readonly fromStart: boolean;
    };

export interface StoredSubscription {
  readonly name: string;
  readonly functionName: string;
  /** A version or an alias; empty: the active version. */
  readonly qualifier: string;
  readonly source: Source;
  readonly isPaused: boolean;
  readonly description: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

const { SubscriptionRecord } = tidepool.internal.v1;

export function encodeSubscription(stored: StoredSubscription): Uint8Array {
  return SubscriptionRecord.encode({
    subscription: {
      name: stored.name,
      settings: subscriptionToWire(stored),
      updatedAt: toTimestamp(stored.updatedAtMs),
    },
    createdAt: toTimestamp(stored.createdAtMs),
  }).finish();
}

/** @throws TidepoolError `invalid` when it was not written by encodeSubscription */
export function decodeSubscription(bytes: Uint8Array): StoredSubscription {
  const { subscription, createdAt } = SubscriptionRecord.decode(bytes);
  const settings = subscription?.settings;
  const source = settings && sourceFromWire(settings);
  if (!settings || !source || !subscription.name) {
    throw new TidepoolError("invalid", "the record holds no subscription");
  }
  return {
    name: subscription.name,
    functionName: settings.functionName ?? "",
    qualifier: settings.qualifier ?? "",
    source,
    isPaused: settings.isPaused ?? false,
    description: settings.description ?? "",
    createdAtMs: fromTimestamp(createdAt) ?? 0,
    updatedAtMs: fromTimestamp(subscription.updatedAt) ?? 0,
  };
}

/** Undefined when it names none. */
export function sourceFromWire({
  subject,
  stream,
}: tidepool.v1.SubscriptionSettings.$Properties): Source | undefined {
  if (typeof subject === "string") return { kind: "subject", subject };
  if (!stream) return undefined;
  return {
    kind: "stream",
    stream: stream.stream ?? "",
    filterSubject: stream.filterSubject ?? "",
    fromStart: stream.fromStart ?? false,
  };
}

export function subscriptionToWire(
  stored: StoredSubscription,
): tidepool.v1.SubscriptionSettings.$Properties {
  const { functionName, qualifier, source, isPaused, description } = stored;
  const common = { functionName, qualifier, isPaused, description };
  if (source.kind === "subject") return { ...common, subject: source.subject };
  const { stream, filterSubject, fromStart } = source;
  return { ...common, stream: { stream, filterSubject, fromStart } };
}
