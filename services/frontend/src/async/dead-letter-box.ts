/** What operators do with calls that have failed for good: look at them, accept them anew, throw them away. */
import { TidepoolError } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { CallToAccept } from "./accept.ts";
import type { Acceptance } from "./async-calls.ts";
import type { AcceptedCall } from "./call.ts";
import { deadLettersDefault, deadLettersListMaxBytes, deadLettersMax } from "./limits.ts";
import type { DeadLetter, DeadLetterQuery, DeadLetterStore } from "./ports.ts";
import { followingId } from "./settler.ts";

export interface DeadLetterList {
  readonly letters: readonly DeadLetter[];
  /** There are more. */
  readonly isCut: boolean;
}

export interface Redriven {
  readonly count: number;
  /** The new calls, at most deadLettersMax of them. */
  readonly requestIds: readonly string[];
}

export interface DeadLetterBoxOptions {
  readonly store: DeadLetterStore;
  readonly accept: (call: CallToAccept) => Promise<Acceptance>;
}

export class DeadLetterBox {
  private readonly options: DeadLetterBoxOptions;

  constructor(options: DeadLetterBoxOptions) {
    this.options = options;
  }

  /** @param limit 0: deadLettersDefault */
  async list(query: DeadLetterQuery, limit: number): Promise<DeadLetterList> {
    const countMax = Math.min(limit || deadLettersDefault, deadLettersMax);
    const letters: DeadLetter[] = [];
    let bytes = 0;
    for await (const letter of this.options.store.read(query)) {
      bytes += letter.payload.byteLength;
      const isFull = letters.length >= countMax || bytes > deadLettersListMaxBytes;
      if (isFull && letters.length > 0) return { letters, isCut: true };
      letters.push(letter);
    }
    return { letters, isCut: false };
  }

  /**
   * Each becomes a new call with its payload, whose id comes from the old one's: a redrive that broke off may
   * be repeated, and accepts none twice.
   */
  async redrive(query: DeadLetterQuery, signal: AbortSignal): Promise<Redriven> {
    const { store, accept } = this.options;
    const requestIds: string[] = [];
    let count = 0;
    for await (const { call, payload } of store.read(query)) {
      signal.throwIfAborted();
      const { functionName, qualifier, retries } = call;
      const accepted = await accept({
        name: functionName,
        qualifier,
        payload,
        retries,
        requestId: redriveId(call),
      });
      await store.remove(call);
      count += 1;
      if (requestIds.length < deadLettersMax) requestIds.push(accepted.requestId);
    }
    return { count, requestIds };
  }

  async purge(query: DeadLetterQuery, signal: AbortSignal): Promise<number> {
    const { store } = this.options;
    let count = 0;
    for await (const { call } of store.read(query)) {
      signal.throwIfAborted();
      await store.remove(call);
      count += 1;
    }
    return count;
  }
}

/** @throws TidepoolError `invalid` */
export function parseDeadLetterQuery(
  tenant: string,
  wire: {
    readonly functionName?: string | null;
    readonly requestIds?: readonly string[] | null;
  },
): DeadLetterQuery {
  const functionName = wire.functionName ?? "";
  const requestIds = wire.requestIds ?? [];
  if (functionName !== "" && !subjects.isToken(functionName)) {
    throw new TidepoolError("invalid", `'${functionName.slice(0, 80)}' is no name of a function`);
  }
  if (requestIds.length > deadLettersMax) {
    const text = `${requestIds.length} request ids are named, the limit is ${deadLettersMax}`;
    throw new TidepoolError("invalid", text);
  }
  const wrong = requestIds.find((id) => !subjects.isToken(id));
  if (wrong !== undefined) {
    throw new TidepoolError("invalid", `'${wrong.slice(0, 80)}' is no request id`);
  }
  return { tenant, functionName, requestIds };
}

/** A call that was redriven and has failed again, under the same id, is another letter: it ended later. */
function redriveId({ requestId, endedAtMs }: AcceptedCall): string {
  return followingId(`${requestId}-redrive-${endedAtMs ?? 0}`);
}
