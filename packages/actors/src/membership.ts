/**
 * Which members of a cluster live, and how long this one may act. Pure: instants come in, of a clock that only goes
 * forward.
 *
 *   renewed in the bucket ──ttl − margin──▶ must have renewed again, or…
 *                            ╰─ all its witnesses answer ──up to electionMaxMs more──▶ fenced
 *
 * While the servers of the bucket elect a leader nobody can renew, but nobody can take a lease either. So members
 * vouch for one another: one that answers a call takes the caller for alive from then on, as if it had renewed.
 *
 * - All witnesses must have answered: each could take over by itself.
 * - They are recorded with each renewal, for whoever is none: it cannot tell whether they have answered, and waits
 *   for as long as that may count. A witness that has taken the member for dead says so to all, by removing its record.
 * - Those of a renewal whose outcome is unknown count too, and one that is not heard stays a witness for two times to
 *   live: while it could believe to be one, and renewals are on their way, it is asked.
 * - Nobody is dead for one that has not heard the bucket since: only what it hears of its own, sent when the other could
 *   not act any more, tells that no renewal of the other came before. Nor is one dead of whom nothing was heard yet.
 * - Who is no witness, as one that came when all others had died, need not wait while it sees for a time to live that
 *   the bucket has its leader and no server is cut off from that: whoever lived would have renewed, or is cut off from
 *   every server, and so from its witnesses.
 */
export interface MembershipTiming {
  /** A member that was not heard for so long is dead. */
  readonly memberTtlMs: number;
  /** A member stops acting so long before the others may take it for dead. */
  readonly fenceMarginMs: number;
  /** Longest that witnesses stand in for renewals. */
  readonly electionMaxMs: number;
}

interface Other {
  heardAtMs: number;
  /** It may go on without renewing, on the word of others. */
  outlives: boolean;
  isVouchedByMe: boolean;
}

export class Membership {
  private readonly me: string;
  private readonly timing: MembershipTiming;
  private readonly others = new Map<string, Other>();
  /** At which revision records were removed, by member. */
  private readonly goneAt = new Map<string, number>();
  private renewedAtMs = Number.NEGATIVE_INFINITY;
  private witnesses = new Set<string>();
  /** When the last call that each has answered was sent. */
  private readonly answered = new Map<string, number>();
  /** All that was stored before then has been heard. */
  private heardUntilMs = Number.NEGATIVE_INFINITY;
  /** When the first and the last look at the servers was sent, of those in a row that found all of them together. */
  private together: { sinceMs: number; untilMs: number } | undefined;

  constructor(me: string, timing: MembershipTiming) {
    this.me = me;
    this.timing = timing;
  }

  /** A renewal is about to be sent. @returns witnesses to be recorded with it */
  renewing(nowMs: number): readonly string[] {
    const keptMs = 2 * this.timing.memberTtlMs;
    const ids = [...this.others].filter(([, { heardAtMs }]) => nowMs - heardAtMs < keptMs);
    for (const [id] of ids) this.witnesses.add(id);
    return ids.map(([id]) => id);
  }

  /** It is stored. @param ids as they were recorded with it */
  renewed(sentAtMs: number, ids: readonly string[]): void {
    this.renewedAtMs = sentAtMs;
    this.witnesses = new Set(ids);
    for (const id of this.answered.keys()) if (!this.witnesses.has(id)) this.answered.delete(id);
  }

  /** Whom to call. */
  witnessIds(): readonly string[] {
    return [...this.witnesses];
  }

  answeredBy(id: string, sentAtMs: number): void {
    this.answered.set(id, Math.max(sentAtMs, this.answered.get(id) ?? sentAtMs));
  }

  /** Without anybody's word: until then leases may be changed. */
  renewalEndsAtMs(): number {
    return this.renewedAtMs + this.timing.memberTtlMs - this.timing.fenceMarginMs;
  }

  actsUntilMs(): number {
    const endsAtMs = this.renewalEndsAtMs();
    if (this.witnesses.size === 0) return endsAtMs;
    const { memberTtlMs, fenceMarginMs, electionMaxMs } = this.timing;
    const answers = [...this.witnesses].map(
      (id) => this.answered.get(id) ?? Number.NEGATIVE_INFINITY,
    );
    const vouchedMs = Math.min(...answers) + memberTtlMs - fenceMarginMs;
    return Math.max(endsAtMs, Math.min(vouchedMs, endsAtMs + electionMaxMs));
  }

  /**
   * Another has renewed.
   * @param witnessIds as recorded with it
   * @returns whether it is to be named a witness with the next renewal, and is none yet
   */
  recorded(id: string, witnessIds: readonly string[], nowMs: number): boolean {
    if (id === this.me) return false;
    this.goneAt.delete(id);
    const isVouchedByMe = witnessIds.includes(this.me);
    this.others.set(id, { heardAtMs: nowMs, outlives: witnessIds.length > 0, isVouchedByMe });
    return !this.witnesses.has(id);
  }

  /** @returns whether it is known: to answer is to take it for alive for a time to live */
  called(id: string, nowMs: number): boolean {
    const other = this.others.get(id);
    if (other !== undefined) other.heardAtMs = nowMs;
    return other !== undefined;
  }

  gone(id: string, revision: number): void {
    this.others.delete(id);
    this.goneAt.set(id, revision);
  }

  /**
   * It owns something: where nothing else is known of it, its renewals are still to be heard, or were lost.
   * @param revision when it took that: one that is gone may have come again since
   */
  mentioned(id: string, revision: number, nowMs: number): void {
    if (id === "" || id === this.me || this.others.has(id)) return;
    if (revision < (this.goneAt.get(id) ?? 0)) return;
    this.others.set(id, { heardAtMs: nowMs, outlives: true, isVouchedByMe: false });
  }

  /** While we could not hear, silence was no evidence against anybody. */
  trustAgain(nowMs: number): void {
    for (const other of this.others.values()) other.heardAtMs = nowMs;
    this.together = undefined;
  }

  /** A renewal of its own that was sent then has been heard. */
  heardOwn(sentAtMs: number): void {
    this.heardUntilMs = Math.max(this.heardUntilMs, sentAtMs);
  }

  /** Whether it is of use to look at the servers: another lives, or may, whose witness this one is not. */
  hasStrangers(nowMs: number): boolean {
    return [...this.others.values()].some(
      (other) => this.isStranger(other) && !this.isDead(other, nowMs),
    );
  }

  /** A look at the bucket's servers found a leader, which hears all of them or not. Looks may end in any order. */
  looked(sentAtMs: number, areTogether: boolean): void {
    const { together } = this;
    const gapMaxMs = this.timing.memberTtlMs / 2;
    if (!areTogether) this.together = undefined;
    else if (together === undefined || sentAtMs - together.untilMs > gapMaxMs)
      this.together = { sinceMs: sentAtMs, untilMs: sentAtMs };
    else together.untilMs = Math.max(together.untilMs, sentAtMs);
  }

  /** This one among them. */
  aliveIds(nowMs: number): ReadonlySet<string> {
    const alive = [...this.others].filter(([, other]) => !this.isDead(other, nowMs));
    return new Set([this.me, ...alive.map(([id]) => id)]);
  }

  /** When the next one is dead unless it is heard before; undefined where there is none. A look may tell sooner. */
  nextDeathAtMs(nowMs: number): number | undefined {
    const deaths = [...this.others.values()]
      .map((other) => this.diesAtMs(other))
      .filter((atMs) => atMs > nowMs);
    return deaths.length === 0 ? undefined : Math.min(...deaths);
  }

  /** Dead by the word of this one, which its own life depended on: nobody need wait any longer. */
  surelyDead(nowMs: number): readonly string[] {
    return [...this.others]
      .filter(([, other]) => other.isVouchedByMe && this.isDead(other, nowMs))
      .map(([id]) => id);
  }

  private isStranger({ outlives, isVouchedByMe }: Other): boolean {
    return outlives && !isVouchedByMe;
  }

  private diesAtMs(other: Other): number {
    const { memberTtlMs, electionMaxMs } = this.timing;
    return other.heardAtMs + memberTtlMs + (this.isStranger(other) ? electionMaxMs : 0);
  }

  private isDead(other: Other, nowMs: number): boolean {
    const { memberTtlMs, fenceMarginMs } = this.timing;
    const diesAtMs = this.diesAtMs(other);
    if (nowMs >= diesAtMs && this.heardUntilMs >= diesAtMs - fenceMarginMs) return true;
    if (this.together === undefined || !this.isStranger(other)) return false;
    const { sinceMs, untilMs } = this.together;
    const deadAtMs = Math.max(sinceMs, other.heardAtMs) + memberTtlMs;
    return untilMs >= deadAtMs && this.heardUntilMs >= deadAtMs - fenceMarginMs;
  }
}
