/** One process of a model of members: what it knows, where it is connected, and what it believes to have. */
import { Membership } from "../membership.ts";
import { OwnEcho } from "../own-echo.ts";

export const timing = { memberTtlMs: 4_000, fenceMarginMs: 1_000, electionMaxMs: 12_000 };

export class ModelMember {
  readonly id: string;
  readonly members: Membership;
  readonly echo = new OwnEcho(timing.memberTtlMs / 2);
  readonly heardRevisions = new Map<string, number>();
  /** Epochs of leases that it believes to have. */
  readonly held = new Map<number, number>();
  /** Leases that it is about to take. */
  readonly changing = new Set<number>();
  readRevision = 0;
  pausedUntilMs = 0;
  server: number;
  /** Where it reads the bucket, and from when on; undefined while it is connected nowhere. */
  reading: { readonly server: number; readonly fromMs: number } | undefined;
  isReading = false;
  /** It stores nothing where it is connected, and goes elsewhere then. */
  leavesAtMs: number | undefined;
  /** Since when it runs, and reaches what stores. */
  wellSinceMs: number | undefined;
  /** It comes and goes by whole ticks, and another of its name begins. */
  isDead = false;

  constructor(id: string, server: number) {
    this.id = id;
    this.server = server;
    this.members = new Membership(id, timing);
  }

  acts(lease: number, nowMs: number): boolean {
    return !this.isDead && this.held.has(lease) && nowMs < this.members.actsUntilMs();
  }
}
