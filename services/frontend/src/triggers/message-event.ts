/** A message as the CloudEvent that a function gets. One that is a CloudEvent already stays what it is. */
import { createHash, randomUUID } from "node:crypto";
import { TidepoolError } from "@tidepool/common";
import { cloudEventOf } from "./cloud-event.ts";

export interface IncomingMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly atMs: number;
}

/** Where a message of a stream stands: the same however often it is delivered. */
export interface StreamPlace {
  readonly stream: string;
  readonly sequence: number;
  readonly storedAtNanos: number | bigint;
}

/** The call that a message becomes: from a stream it is accepted once, however often it is delivered. */
export function messageRequestId(
  { name, createdAtMs }: { readonly name: string; readonly createdAtMs: number },
  place: StreamPlace | undefined,
): string {
  if (place === undefined) return randomUUID();
  const { stream, sequence, storedAtNanos } = place;
  const text = `${name}/${createdAtMs}/${stream}/${sequence}/${storedAtNanos}`;
  return `msg-${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
}

/** JSON. @throws TidepoolError `invalid` for one that claims to be a CloudEvent and is none */
export function messageEvent(
  subscription: string,
  message: IncomingMessage,
  requestId: string,
): Uint8Array {
  const { subject, data, headers, atMs } = message;
  const event = cloudEventOf(headers, data) ?? {
    specversion: "1.0",
    id: headers["nats-msg-id"] ?? requestId,
    source: `/tidepool/subscriptions/${subscription}`,
    type: "tidepool.message",
    subject,
    time: new Date(atMs).toISOString(),
    ...contentOf(data),
  };
  return Buffer.from(JSON.stringify(event));
}

function contentOf(data: Uint8Array): Record<string, unknown> {
  if (data.byteLength === 0) return {};
  const text = textOf(data);
  if (text === undefined) {
    const base64 = Buffer.from(data).toString("base64");
    return { datacontenttype: "application/octet-stream", data_base64: base64 };
  }
  try {
    return { datacontenttype: "application/json", data: JSON.parse(text) as unknown };
  } catch {
    return { datacontenttype: "text/plain", data: text };
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Calls and destinations that led to a message, this one included. */
export function hopsOf(header: string | undefined): number {
  const hops = Number(header ?? 0);
  if (Number.isInteger(hops) && hops >= 0) return hops;
  throw new TidepoolError("invalid", "the message's header of hops is no count");
}
