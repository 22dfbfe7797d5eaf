/**
 * Calls that are answered with an id: accepting them, telling what became of them, and cancelling them.
 *
 * A call is accepted when its record and its work are both stored; the id is answered after that, never
 * before. The record comes first, so that a full store refuses the call with nothing left behind; work is in
 * the queue once however often it is added, so that accepting again after a crash between the two is safe.
 */
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import type { AsyncSettings } from "../functions/call-settings.ts";
import { writeAttemptsMax } from "../limits.ts";
import { checkCall, parseRequestId } from "./accept.ts";
import type { CallToAccept, CheckedCall } from "./accept.ts";
import { hasEnded } from "./call.ts";
import type { AcceptedCall } from "./call.ts";
import { invocationToWire } from "./call-wire.ts";
import { dedupeKeptMs, inlineMaxBytes, resultKeptMs } from "./limits.ts";
import { asTold, cancelled } from "./next-state.ts";
import type { CallStore, CancelNews, DedupeStore, PartStore, Room, WorkQueue } from "./ports.ts";

type Invocation = tidepool.v1.Invocation.$Properties;

export interface AsyncCallsOptions {
  /** @throws TidepoolError `notFound` when there is no such function, or nothing that the qualifier names */
  readonly findSettings: (name: string, qualifier: string) => Promise<AsyncSettings | undefined>;
  readonly calls: CallStore;
  readonly dedupe: DedupeStore;
  readonly parts: PartStore;
  readonly queue: Pick<WorkQueue, "add" | "remove">;
  readonly room: Room;
  readonly news: CancelNews;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Acceptance {
  /** Of the call that was accepted, or of the one that was known. */
  readonly requestId: string;
  readonly isDuplicate: boolean;
}

const nothing = new Uint8Array();

export class AsyncCalls {
  private readonly options: AsyncCallsOptions;
  private readonly logger: Logger;

  constructor(options: AsyncCallsOptions) {
    this.options = options;
    this.logger = options.logger.child({ part: "async calls" });
  }

  /**
   * Durable when it resolves. Safe to repeat with the same requestId or dedupeKey: the call is accepted once.
   * @throws TidepoolError `invalid`, `tooLarge`, `notFound`, `noCapacity` when a store is full, `unavailable`
   */
  async accept(given: CallToAccept): Promise<Acceptance> {
    const { clock, findSettings, room } = this.options;
    // What is wrong with the call is told before whether there is a function for it.
    checkCall(given, undefined, clock.nowMs());
    const settings = await findSettings(given.name, given.qualifier ?? "");
    const checked = checkCall(given, settings, clock.nowMs());
    await room.require();
    const { requestId } = checked.call;
    const ownerId = await this.ownerOfKey(checked.call);
    const call = { ...checked.call, requestId: ownerId };
    const isNew = await this.store({ call, payload: checked.payload });
    return { requestId: ownerId, isDuplicate: !isNew || ownerId !== requestId };
  }

  /** @throws TidepoolError `notFound` when there is none, or none any more */
  async get(requestId: string): Promise<Invocation> {
    const call = asTold((await this.find(requestId)).call, this.options.clock.nowMs());
    if (call.status !== "succeeded") return invocationToWire(call);
    return invocationToWire(call, await resultOf(call, this.options.parts));
  }

  /** A call that has ended stays as it is, and is the answer. */
  async cancel(requestId: string): Promise<Invocation> {
    const { calls, clock, news } = this.options;
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const { call, revision } = await this.find(requestId);
      if (hasEnded(call)) return this.get(requestId);
      const next = cancelled(call, clock.nowMs());
      if ((await calls.replace(next, revision)) === undefined) continue;
      if (call.status === "running") news.announce(requestId);
      else await this.forgetWork(call);
      return invocationToWire(next);
    }
    throw new TidepoolError(
      "stale",
      `call '${requestId}' was changed ${writeAttemptsMax} times while it was cancelled`,
    );
  }

  /** It is cancelled either way: what is left goes when the work comes again. */
  private async forgetWork(call: AcceptedCall): Promise<void> {
    const { queue, parts } = this.options;
    const { requestId, payloadBytes } = call;
    try {
      await queue.remove(call);
      if (payloadBytes > inlineMaxBytes) await parts.remove(requestId, payloadKey);
    } catch (error) {
      this.logger.warn("cancelled call left in the queue", { requestId, error: messageOf(error) });
    }
  }

  /** The request that has the call's key: this one, unless another is known by it. */
  private async ownerOfKey(call: AcceptedCall): Promise<string> {
    const { dedupe, clock } = this.options;
    const { functionName, dedupeKey, requestId } = call;
    if (dedupeKey === "") return requestId;
    for (let attempt = 1; attempt <= writeAttemptsMax; attempt++) {
      const other = await dedupe.claim(functionName, dedupeKey, requestId);
      if (other === undefined || other.requestId === requestId) return requestId;
      if (clock.nowMs() - other.claimedAtMs < dedupeKeptMs) return other.requestId;
      // Old, but its call may still be waiting or running: then the key is its own yet.
      const known = await this.options.calls.find(other.requestId);
      if (known !== undefined && !hasEnded(known.call)) return other.requestId;
      if (await dedupe.takeOver(functionName, dedupeKey, requestId, other.revision)) {
        return requestId;
      }
    }
    throw new TidepoolError("stale", `the dedupe key was claimed by others while it was claimed`);
  }

  /** False when the call was known. */
  private async store({ call, payload }: CheckedCall): Promise<boolean> {
    const { calls } = this.options;
    const { requestId, functionName } = call;
    const known = await calls.find(requestId);
    if (known === undefined) {
      const revision = await calls.create(call);
      if (revision !== undefined) {
        await this.enqueue({ call, payload }, revision);
        return true;
      }
    } else if (known.call.functionName !== functionName) {
      throw new TidepoolError(
        "alreadyExists",
        `request id '${requestId}' is that of a call of '${known.call.functionName}'`,
      );
    } else if (known.call.status === "queued" && known.call.attempts === 0) {
      // Its frontend may have ended between the record and the work.
      await this.addWork({ call: known.call, payload });
    }
    return false;
  }

  private async enqueue(checked: CheckedCall, revision: number): Promise<void> {
    try {
      await this.addWork(checked);
    } catch (error) {
      // Nobody was told its id. Where this fails too, the call is told as expired once it is too old.
      await this.options.calls.remove(checked.call.requestId, revision).catch(() => {});
      throw error;
    }
  }

  private async addWork({ call, payload }: CheckedCall): Promise<void> {
    const { parts, queue } = this.options;
    const { requestId, functionName } = call;
    const isInline = payload.byteLength <= inlineMaxBytes;
    if (!isInline) await parts.put(requestId, payloadKey, payload);
    await queue.add({
      requestId,
      functionName,
      payload: isInline ? payload : nothing,
      payloadBytes: payload.byteLength,
    });
  }

  private async find(given: string) {
    const { calls, clock } = this.options;
    const requestId = given === "" ? "" : parseRequestId(given);
    const stored = requestId === "" ? undefined : await calls.find(requestId);
    const endedAtMs = stored?.call.endedAtMs ?? Infinity;
    if (stored !== undefined && clock.nowMs() - endedAtMs <= resultKeptMs) return stored;
    throw new TidepoolError(
      "notFound",
      `no accepted call '${requestId}', or it has ended more than ${resultKeptMs / 3_600_000} h ago`,
    );
  }
}

/** Under which a large payload lies in parts. */
export const payloadKey = "in";

/** @throws TidepoolError `notFound` when a large result is gone before its call */
export async function resultOf(call: AcceptedCall, parts: PartStore): Promise<Uint8Array> {
  const { result, requestId } = call;
  if (result === undefined) return nothing;
  if (result.inline !== undefined) return result.inline;
  const bytes = await parts.get(requestId, result.key, result.bytes);
  if (bytes !== undefined) return bytes;
  throw new TidepoolError("notFound", `the result of call '${requestId}' is not kept any more`);
}
