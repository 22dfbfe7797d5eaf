/**
 * An accepted call, from its acceptance to 24 hours after its end.
 *
 *             ╭───────── nothing could be run ─────────╮
 *             ▼                                        │
 *   queued ──claim──▶ running ──answer──▶ succeeded    │
 *     │                 ▲  │  ╰───────────────────────▶┤
 *     │            claim│  ╰─failure─▶ retrying ◀──────╯
 *     │                 ╰───────────────╯ │
 *     ╰──too old──▶ expired               ╰──too often, too old──▶ failed
 *
 * A cancellation leads from each of the first three to `cancelled`. Ended states are never left.
 */
import type { tidepool } from "@tidepool/proto";

export const endedStatuses = ["succeeded", "failed", "expired", "cancelled"] as const;
export type CallStatus = "queued" | "running" | "retrying" | (typeof endedStatuses)[number];

export type Destination =
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "subject"; readonly subject: string };

export interface Claim {
  /** Unique to the attempt. */
  readonly ownerId: string;
  readonly number: number;
  readonly untilMs: number;
}

export type Failure = tidepool.v1.Failure.$Properties;
export type Response = tidepool.v1.InvokeResponse.$Properties;

export interface AcceptedCall {
  readonly requestId: string;
  readonly functionName: string;
  readonly qualifier: string;
  readonly status: CallStatus;
  /** Begun so far. */
  readonly attempts: number;
  /** Of those begun, the ones that failed. */
  readonly failures: number;
  /** How often in a row it was put off because nothing could be run. */
  readonly waits: number;
  readonly retries: number;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  /** Not begun before; 0: at once. */
  readonly nextAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly dedupeKey: string;
  readonly onSuccess: Destination | undefined;
  readonly onFailure: Destination | undefined;
  readonly hops: number;
  readonly claim: Claim | undefined;
  readonly response: Response | undefined;
  readonly result: StoredResult | undefined;
  readonly failure: Failure | undefined;
  /** It has ended, and its dead letter and its destination have been seen to. */
  readonly isSettled: boolean;
  readonly payloadBytes: number;
}

export interface StoredResult {
  readonly bytes: number;
  /** When it is small; else it lies in parts under the key. */
  readonly inline: Uint8Array | undefined;
  readonly key: string;
}

export function hasEnded({ status }: Pick<AcceptedCall, "status">): boolean {
  return endedStatuses.some((ended) => ended === status);
}
