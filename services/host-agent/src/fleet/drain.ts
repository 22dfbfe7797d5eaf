/**
 * What an operator's drain does to this host's VMs. Generic ones go at once. Those with an owner's code serve
 * on for a while, in which the shards make others elsewhere, and go then: idle ones at once, busy ones when
 * their call has ended.
 */
import type { Clock, Logger } from "@tidepool/common";
import type { Pools } from "../pool/pools.ts";
import type { Fleet } from "./fleet.ts";

/** So long idle VMs of a drained host serve on. A VM gets ready elsewhere in less. */
export const drainMoveMs = 10_000;

export interface DrainParts {
  readonly fleet: Fleet;
  readonly pools: Pools;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly moveMs?: number | undefined;
  onChange(): void;
}

export class Drain {
  private readonly parts: DrainParts;
  private leaveAtMs = 0;

  constructor(parts: DrainParts) {
    this.parts = parts;
  }

  /** Idempotent. @param drainedAtMs undefined: it takes work */
  set(drainedAtMs: number | undefined): void {
    const { fleet, pools, clock, logger } = this.parts;
    const isDrained = drainedAtMs !== undefined;
    if (isDrained === fleet.isDrained) return;
    fleet.isDrained = isDrained;
    logger.info(isDrained ? "drained by an operator" : "no longer drained");
    this.leaveAtMs = clock.nowMs() + (this.parts.moveMs ?? drainMoveMs);
    if (isDrained) pools.close();
    else pools.open();
    this.parts.onChange();
  }

  /** Lets go what need not stay. */
  sweep(): void {
    const { fleet, clock } = this.parts;
    if (!fleet.isDrained || clock.nowMs() < this.leaveAtMs) return;
    for (const { vmId, phase, isSpokenFor } of fleet.views()) {
      if (phase === "idle" && !isSpokenFor) fleet.get(vmId)?.stop("drained");
    }
  }
}
