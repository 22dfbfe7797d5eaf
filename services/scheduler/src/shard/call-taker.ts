/**
 * Takes calls into what is remembered of their functions: what was expected of each is told before it is learned
 * from. Of a call that changes nothing the instant is kept alone, until the function is looked at.
 */
import { isTickRequestId } from "@tidepool/schedules";
import type { Arrival, FunctionVersion } from "../ports.ts";
import type { Caps } from "./caps.ts";
import { expectationOf } from "./expectation.ts";
import type { Known } from "./expectation.ts";
import type { FunctionState } from "./function-state.ts";
import { mannerOf } from "./manner.ts";
import type { Manner } from "./manner.ts";
import { noteVersion } from "./version-mix.ts";
import { waitingCallsMax, WaitingCalls } from "./waiting-calls.ts";
import { noteCall, windowsAround } from "./window-ledger.ts";
import type { ShardWorld } from "./world.ts";

export class CallTaker {
  private readonly world: ShardWorld;
  private readonly caps: Caps;

  constructor(world: ShardWorld, caps: Caps) {
    this.world = world;
    this.caps = caps;
  }

  /**
   * @param isLive otherwise the calls are those of before, which nobody asks about
   * @returns the keep-alive of a function that is to be planned for now; undefined when its plan holds
   */
  take(state: FunctionState, calls: readonly Arrival[], isLive: boolean): number | undefined {
    const version = this.world.functionOf(state.name);
    const manner = mannerOf(this.world, version);
    const nowMs = this.world.clock.nowMs();
    let isHeld = true;
    for (const arrival of calls) {
      const isRepeated = isLive && isRepeat(state, arrival, manner, nowMs);
      const waits = isRepeated ? this.waitingOf(state, manner) : undefined;
      waits?.add(arrival.atMs);
      if (isLive) this.explain(state, arrival, version, manner, waits);
      noteVersion(state, arrival);
      if (waits !== undefined) {
        if (waits.count >= waitingCallsMax) state.learnWaiting();
        continue;
      }
      isHeld = false;
      // What is declared is no news: a pattern is learned from the other calls.
      if (isTickRequestId(arrival.requestId)) continue;
      if (isLive && state.ledger !== undefined)
        noteCall(state.ledger, arrival.atMs, manner.settings.keepAliveMs);
      state.record = this.world.policy.noteArrival(state.record, manner.settings, arrival.atMs);
    }
    return isHeld ? undefined : manner.settings.keepAliveMs;
  }

  private waitingOf(state: FunctionState, { settings }: Manner): WaitingCalls {
    const { policy } = this.world;
    const { isKeptAsUsual } = state;
    return (state.waiting ??= new WaitingCalls({ policy, settings, isKeptAsUsual }));
  }

  /** Before it is learned from. */
  private explain(
    state: FunctionState,
    arrival: Arrival,
    version: FunctionVersion | undefined,
    { acting, terms, settings }: Manner,
    waits: WaitingCalls | undefined,
  ): void {
    const { requestId, atMs } = arrival;
    const { hosts, explanations } = this.world;
    if (requestId !== "" && version !== undefined) {
      const known = waits === undefined ? knownNow(state, atMs) : knownThen(state, waits, atMs);
      const input = { arrival, state, known, terms, policy: acting, settings, hosts };
      explanations.add(requestId, expectationOf(input));
    }
    this.caps.noteUse(state, version, atMs);
  }
}

/** Whether nothing follows from a call: it comes in a slot whose plan holds, and for the version of the calls before. */
function isRepeat(
  { heldUntilMs, heldBy, mix, calledVersion }: FunctionState,
  { version, qualifier, requestId }: Arrival,
  { settings }: Manner,
  nowMs: number,
): boolean {
  if (heldBy !== settings) return false;
  if (nowMs >= heldUntilMs || mix !== undefined || qualifier !== "") return false;
  return version === calledVersion && !isTickRequestId(requestId);
}

function knownNow({ record, ledger }: FunctionState, atMs: number): () => Known {
  const known = { record, followed: ledger && windowsAround(ledger, atMs) };
  return () => known;
}

/** It is made when it is asked for: the calls before it may wait as well. */
function knownThen(state: FunctionState, waits: WaitingCalls, atMs: number): () => Known {
  const before = waits.count - 1;
  return () => {
    if (state.waiting === waits) state.learnWaiting();
    const { record, ledger } = waits.rememberedAfter(before) ?? state;
    return { record, followed: ledger && windowsAround(ledger, atMs) };
  };
}
