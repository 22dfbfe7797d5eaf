/** A call to accept, as its caller gave it, checked: limits by name, and what the function says where the caller says nothing. */
import { randomUUID } from "node:crypto";
import { TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { parseName } from "../functions/settings.ts";
import { parseQualifier } from "../functions/qualifier.ts";
import type { AsyncSettings } from "../functions/call-settings.ts";
import { asyncAgeMaxMs, asyncRetriesMax } from "../limits.ts";
import { parsePayload } from "../routing/invocation.ts";
import type { AcceptedCall } from "./call.ts";
import { parseDestination } from "./call-wire.ts";
import { ageDefaultMs, dedupeKeyMaxBytes, delayMaxMs, hopsMax, retriesDefault } from "./limits.ts";

/** What is absent or empty gets its default. */
export interface CallToAccept {
  readonly name: string;
  /** JSON; empty means null. */
  readonly payload?: Uint8Array | undefined;
  /** Of a call that is known nothing is accepted, and its id is the answer. */
  readonly requestId?: string | undefined;
  readonly qualifier?: string | undefined;
  readonly dedupeKey?: string | undefined;
  readonly retries?: number | null | undefined;
  readonly ageMaxMs?: number | undefined;
  readonly delayMs?: number | undefined;
  /** Destinations that led to it. */
  readonly hops?: number | undefined;
}

export interface CheckedCall {
  readonly call: AcceptedCall;
  readonly payload: Uint8Array;
}

/** @throws TidepoolError `invalid`, `tooLarge` */
export function checkCall(
  given: CallToAccept,
  settings: AsyncSettings | undefined,
  nowMs: number,
): CheckedCall {
  const { hops = 0, dedupeKey = "" } = given;
  const retries = given.retries ?? settings?.retries ?? retriesDefault;
  const ageMaxMs = given.ageMaxMs || settings?.ageMaxMs || ageDefaultMs;
  const delayMs = given.delayMs || 0;
  const problems: string[] = [];
  if (!(Number.isInteger(retries) && retries >= 0 && retries <= asyncRetriesMax)) {
    problems.push(`retries of ${retries} must be 0 to ${asyncRetriesMax}`);
  }
  if (!(ageMaxMs > 0 && ageMaxMs <= asyncAgeMaxMs)) {
    problems.push(`longest age of ${ageMaxMs} ms must be at most ${asyncAgeMaxMs} ms`);
  }
  if (!(delayMs >= 0 && delayMs <= delayMaxMs)) {
    problems.push(`delay of ${delayMs} ms must be at most ${delayMaxMs} ms`);
  }
  if (Buffer.byteLength(dedupeKey) > dedupeKeyMaxBytes) {
    const bytes = Buffer.byteLength(dedupeKey);
    problems.push(`dedupe key has ${bytes} bytes, the limit is ${dedupeKeyMaxBytes}`);
  }
  if (problems.length > 0) throw new TidepoolError("invalid", problems.join("; "));
  if (hops > hopsMax) {
    throw new TidepoolError(
      "invalid",
      `the call comes from ${hops} destinations one after the other, the limit is ${hopsMax}`,
      { reason: "hopLimit" },
    );
  }
  const payload = parsePayload(given.payload);
  const functionName = parseName(given.name);
  // Of a schedule or a message too: its tenant asks for it by its own name.
  const requestId = subjects.ownedBy(
    subjects.tenantOf(functionName),
    parseRequestId(given.requestId),
  );
  const beginsAtMs = nowMs + delayMs;
  return {
    payload,
    call: {
      requestId,
      functionName,
      qualifier: parseQualifier(given.qualifier),
      status: "queued",
      attempts: 0,
      failures: 0,
      waits: 0,
      retries,
      acceptedAtMs: nowMs,
      expiresAtMs: beginsAtMs + ageMaxMs,
      nextAtMs: delayMs > 0 ? beginsAtMs : 0,
      endedAtMs: undefined,
      dedupeKey,
      onSuccess: parseDestination(settings?.onSuccess),
      onFailure: parseDestination(settings?.onFailure),
      hops,
      claim: undefined,
      response: undefined,
      result: undefined,
      failure: undefined,
      isSettled: false,
      payloadBytes: payload.byteLength,
    },
  };
}

/** @throws TidepoolError `invalid` */
export function parseRequestId(given: string | undefined): string {
  if (!given) return randomUUID();
  if (subjects.isToken(given)) return given;
  throw new TidepoolError(
    "invalid",
    `request id must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  );
}
