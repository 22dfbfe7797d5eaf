/** Accepted calls that have failed for good. */
import { tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { parseAcceptedCall } from "./accepted-calls.ts";
import type { AcceptedCall } from "./accepted-calls.ts";
import type { Caller } from "./caller.ts";
import type { CallLimits } from "./transport.ts";

export interface DeadLetter extends Omit<AcceptedCall, "payload" | "payloadBytes"> {
  /** What it was called with. */
  readonly payload: unknown;
}

export interface DeadLetterQuery extends CallLimits {
  /** Absent: of all functions. */
  readonly functionName?: string;
  /** Only these; absent: all. */
  readonly requestIds?: readonly string[];
}

export interface DeadLetterList {
  /** Oldest first. */
  readonly letters: readonly DeadLetter[];
  /** There are more. */
  readonly isCut: boolean;
}

export interface Redriven {
  readonly count: number;
  /** The new calls, at most 1000 of them. */
  readonly requestIds: readonly string[];
}

export class DeadLettersClient {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** @param query limit: at most 1000; default 100 */
  async list(query: DeadLetterQuery & { readonly limit?: number } = {}): Promise<DeadLetterList> {
    const { limit = 0 } = query;
    const request = { ...requestOf(query), limit };
    const answer = await this.caller.read(tidepoolService.listDeadLetters, request, query);
    return { letters: (answer.letters ?? []).map(parseLetter), isCut: answer.isCut ?? false };
  }

  /** Accepts them anew, as new calls, and takes them off the list. Safe to repeat: none is accepted twice. */
  async redrive(query: DeadLetterQuery = {}): Promise<Redriven> {
    const request = requestOf(query);
    const answer = await this.caller.read(tidepoolService.redriveDeadLetters, request, query);
    return { count: answer.count ?? 0, requestIds: answer.requestIds ?? [] };
  }

  /** How many were thrown away. */
  async purge(query: DeadLetterQuery = {}): Promise<number> {
    const request = requestOf(query);
    const answer = await this.caller.change(tidepoolService.purgeDeadLetters, request, query);
    return answer.count ?? 0;
  }
}

function requestOf({ functionName = "", requestIds = [] }: DeadLetterQuery) {
  return { functionName, requestIds: [...requestIds] };
}

function parseLetter(wire: tidepool.v1.DeadLetter.$Properties): DeadLetter {
  const { payload: _, payloadBytes: __, ...call } = parseAcceptedCall(wire.invocation ?? {});
  return { ...call, payload: JSON.parse(new TextDecoder().decode(wire.payload)) as unknown };
}
