/** Subscriptions: what calls functions for messages of NATS. */
import { fromTimestamp, tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { Caller } from "./caller.ts";
import type { PutOptions } from "./schedules.ts";
import type { CallLimits } from "./transport.ts";

/** What is listened to: one of the two. */
export type MessageSource =
  /** Wildcards allowed. Messages that come while no frontend listens are lost. */
  | { readonly subject: string }
  /** Each message is acknowledged when its call was accepted. */
  | {
      readonly stream: string;
      /** Absent: all subjects of the stream. */
      readonly filterSubject?: string;
      /** Not only what comes from now on. */
      readonly fromStart?: boolean;
    };

export interface SubscriptionSettings {
  readonly functionName: string;
  readonly source: MessageSource;
  /** A version or an alias; absent: the active version. */
  readonly qualifier?: string;
  readonly isPaused?: boolean;
  readonly description?: string;
}

export interface Subscription {
  readonly name: string;
  readonly settings: SubscriptionSettings;
  readonly revision: string;
  readonly updatedAtMs: number;
  /** Messages of a stream that are not accepted as calls yet. */
  readonly pending: number;
  /** Why it does not run; absent when it does. */
  readonly problem?: string;
}

export class SubscriptionsClient {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** Creates a subscription, or replaces its settings. */
  async put(
    name: string,
    { source, ...settings }: SubscriptionSettings,
    { revision = "", ...limits }: PutOptions = {},
  ): Promise<Subscription> {
    const where = "subject" in source ? { subject: source.subject } : { stream: { ...source } };
    const request = { name, settings: { ...settings, ...where }, revision };
    return parseSubscription(
      await this.caller.change(tidepoolService.putSubscription, request, limits),
    );
  }

  /** By name. @param functionName of all functions when absent */
  async list(functionName?: string, limits: CallLimits = {}): Promise<readonly Subscription[]> {
    const request = { functionName: functionName ?? "" };
    const method = tidepoolService.listSubscriptions;
    const { subscriptions } = await this.caller.read(method, request, limits);
    return (subscriptions ?? []).map(parseSubscription);
  }

  async delete(name: string, limits: CallLimits = {}): Promise<void> {
    await this.caller.change(tidepoolService.deleteSubscription, { name }, limits);
  }
}

function parseSubscription(wire: tidepool.v1.Subscription.$Properties): Subscription {
  const { functionName, qualifier, subject, stream, isPaused, description } = wire.settings ?? {};
  const source: MessageSource =
    typeof subject === "string"
      ? { subject }
      : {
          stream: stream?.stream ?? "",
          ...(stream?.filterSubject ? { filterSubject: stream.filterSubject } : {}),
          fromStart: stream?.fromStart ?? false,
        };
  return {
    name: wire.name ?? "",
    settings: {
      functionName: functionName ?? "",
      source,
      ...(qualifier ? { qualifier } : {}),
      isPaused: isPaused ?? false,
      description: description ?? "",
    },
    revision: wire.revision ?? "",
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
    pending: wire.pending ?? 0,
    ...(wire.problem ? { problem: wire.problem } : {}),
  };
}
