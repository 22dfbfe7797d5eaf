/**
 * Whether a writer to a bucket hears there what it writes itself. One that does not is deaf: what it follows is behind,
 * or has ended unnoticed. What it hears of its own comes after all that was stored before. Pure; instants come in, of a
 * clock that only goes forward.
 */
export class OwnEcho {
  private readonly pauseMaxMs: number;
  private writtenRevision = 0;
  private heardRevision = 0;
  private wroteAtMs = 0;
  /** When what it heard last of its own was sent. */
  private heardSentAtMs = Number.NEGATIVE_INFINITY;
  /** When each was sent that has not been heard, by revision. */
  private readonly unheard = new Map<number, number>();
  /** Since when something should have been heard… */
  private waitsSinceMs: number | undefined;
  /** …and since when without a pause in what was written. */
  private waitsWritingSinceMs: number | undefined;

  /** @param pauseMaxMs who has not written for longer could not */
  constructor(pauseMaxMs = Number.POSITIVE_INFINITY) {
    this.pauseMaxMs = pauseMaxMs;
  }

  get hasHeard(): boolean {
    return this.heardRevision > 0;
  }

  /** All that was stored before then has been heard. */
  get hasHeardUntilMs(): number {
    return this.heardSentAtMs;
  }

  wrote(revision: number, nowMs: number): void {
    if (nowMs - this.wroteAtMs > this.pauseMaxMs) this.waitsWritingSinceMs = undefined;
    this.writtenRevision = revision;
    this.wroteAtMs = nowMs;
    this.unheard.set(revision, nowMs);
    this.noteHeard();
    if (revision <= this.heardRevision) return;
    this.waitsSinceMs ??= nowMs;
    this.waitsWritingSinceMs ??= nowMs;
  }

  heard(revision: number, nowMs: number): void {
    this.heardRevision = Math.max(this.heardRevision, revision);
    this.noteHeard();
    this.waitsSinceMs = this.heardRevision < this.writtenRevision ? nowMs : undefined;
    this.waitsWritingSinceMs = this.waitsSinceMs;
  }

  private noteHeard(): void {
    for (const [revision, sentAtMs] of this.unheard) {
      if (revision > this.heardRevision) continue;
      this.heardSentAtMs = Math.max(this.heardSentAtMs, sentAtMs);
      this.unheard.delete(revision);
    }
  }

  /** 0 while it hears all. */
  deafMs(nowMs: number): number {
    return this.waitsSinceMs === undefined ? 0 : nowMs - this.waitsSinceMs;
  }

  /** How long it has written without hearing: while nobody can write, nobody hears anything either. */
  get deafWhileWritingMs(): number {
    const { waitsWritingSinceMs: sinceMs, wroteAtMs } = this;
    return sinceMs === undefined ? 0 : Math.max(0, wroteAtMs - sinceMs);
  }
}
