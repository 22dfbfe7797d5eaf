/**
 * Calls under way, by what they count towards: this frontend's own, which are exact, and those that the other
 * frontends have told of, which are as old as their last message. Pure; instants come in.
 */

export interface CallCount {
  /** A function, a tenant, or what a tenant has not reserved. */
  readonly key: string;
  readonly underWay: number;
  /** Since that frontend's start. */
  readonly begun: number;
}

/** Another frontend that was not heard for so long counts nothing. */
export const frontendSilenceMaxMs = 3_000;
/** Keys told in one message. */
export const countsToldMax = 10_000;

interface Told {
  readonly heardAtMs: number;
  readonly counts: ReadonlyMap<string, CallCount>;
}

interface OwnCount {
  underWay: number;
  begun: number;
  /** Smoothed; 0 before the first has ended. */
  meanMs: number;
}

/** Weight of the newest call in a mean. */
const meanShare = 0.2;

export class CallCounts {
  private readonly own = new Map<string, OwnCount>();
  private readonly others = new Map<string, Told>();
  private changed = new Set<string>();

  begin(key: string): void {
    const count = this.ownOf(key);
    count.underWay += 1;
    count.begun += 1;
    this.changed.add(key);
  }

  end(key: string, tookMs: number): void {
    const count = this.ownOf(key);
    count.underWay -= 1;
    count.meanMs = count.meanMs === 0 ? tookMs : count.meanMs + (tookMs - count.meanMs) * meanShare;
    this.changed.add(key);
  }

  /** At all frontends. */
  underWay(key: string, nowMs: number): number {
    let sum = this.own.get(key)?.underWay ?? 0;
    for (const counts of this.heard(nowMs)) sum += counts.get(key)?.underWay ?? 0;
    return sum;
  }

  /** How long a call takes; undefined before one has ended here. */
  meanMs(key: string): number | undefined {
    return this.own.get(key)?.meanMs || undefined;
  }

  /** What is to be told: what has changed since the last time, and what is under way. */
  takeNews(): readonly CallCount[] {
    const news: CallCount[] = [];
    for (const [key, { underWay, begun }] of this.own) {
      if (underWay > 0 || this.changed.has(key)) news.push({ key, underWay, begun });
    }
    this.changed = new Set();
    // What most calls wait for is told first.
    return news.sort((a, b) => b.underWay - a.underWay).slice(0, countsToldMax);
  }

  get hasNews(): boolean {
    return this.changed.size > 0;
  }

  get isBusy(): boolean {
    for (const { underWay } of this.own.values()) if (underWay > 0) return true;
    return false;
  }

  /** @returns calls begun there since its message before, by key */
  note(frontendId: string, news: readonly CallCount[], nowMs: number): ReadonlyMap<string, number> {
    const before = this.others.get(frontendId)?.counts;
    const counts = new Map(before);
    const begun = new Map<string, number>();
    for (const [name, count] of counts) counts.set(name, { ...count, underWay: 0 });
    for (const count of news) {
      const { key } = count;
      const earlier = before?.get(key)?.begun;
      const since = earlier === undefined ? count.underWay : count.begun - earlier;
      if (since > 0) begun.set(key, since);
      counts.delete(key);
      counts.set(key, count);
    }
    for (const name of counts.keys()) {
      if (counts.size <= countsToldMax) break;
      counts.delete(name);
    }
    this.others.set(frontendId, { heardAtMs: nowMs, counts });
    return begun;
  }

  /** What was not called for long needs no place. */
  forgetIdle(keepMax: number): void {
    for (const [name, { underWay }] of this.own) {
      if (this.own.size <= keepMax) return;
      if (underWay === 0 && !this.changed.has(name)) this.own.delete(name);
    }
  }

  private *heard(nowMs: number): Generator<ReadonlyMap<string, CallCount>> {
    for (const [id, { heardAtMs, counts }] of this.others) {
      if (nowMs - heardAtMs > frontendSilenceMaxMs) this.others.delete(id);
      else yield counts;
    }
  }

  private ownOf(key: string): OwnCount {
    let count = this.own.get(key);
    if (count === undefined) {
      count = { underWay: 0, begun: 0, meanMs: 0 };
      this.own.set(key, count);
    }
    return count;
  }
}
