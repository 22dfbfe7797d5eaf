/**
 * Whether a writer to a bucket hears there what it writes itself. One that does not is deaf: what it follows is behind,
 * or has ended unnoticed. Pure; instants come in, of a clock that only goes forward.
 */
export class OwnEcho {
  private writtenRevision = 0;
  private heardRevision = 0;
  /** Since when something should have been heard. */
  private waitsSinceMs: number | undefined;

  get hasHeard(): boolean {
    return this.heardRevision > 0;
  }

  wrote(revision: number, nowMs: number): void {
    this.writtenRevision = revision;
    if (revision > this.heardRevision) this.waitsSinceMs ??= nowMs;
  }

  heard(revision: number, nowMs: number): void {
    this.heardRevision = Math.max(this.heardRevision, revision);
    this.waitsSinceMs = this.heardRevision < this.writtenRevision ? nowMs : undefined;
  }

  /** 0 while it hears all. */
  deafMs(nowMs: number): number {
    return this.waitsSinceMs === undefined ? 0 : nowMs - this.waitsSinceMs;
  }
}
