/**
 * Whether a host that is being used still says anything. While its stream is in use and nothing else comes from it, it is
 * asked; one that leaves a question open for long is quiet: dead, cut off, or only very busy. Nothing is taken from a quiet
 * host, but calls had better go elsewhere. Pure; instants come in, of a clock that only goes forward.
 */

/** Between two looks. */
export const quietLookMs = 200;
/** A question that is open for longer makes a host quiet. */
export const quietMaxMs = 600;
/** A stream that had no call for so long is left in peace. */
export const inUseMs = 10_000;

export class QuietWatch {
  private readonly ask: () => void;
  /** Hosts of earlier versions never answer: nothing can be said of them. */
  private answers = false;
  private usedAtMs = -Infinity;
  private heardAtMs = -Infinity;
  private askedAtMs: number | undefined;

  constructor(ask: () => void) {
    this.ask = ask;
  }

  /** It has answered since the stream began. */
  get hasAnswered(): boolean {
    return this.answers;
  }

  isInUse(nowMs: number): boolean {
    return nowMs - this.usedAtMs <= inUseMs;
  }

  begin(nowMs: number): void {
    this.answers = false;
    this.askedAtMs = nowMs;
    this.ask();
  }

  used(nowMs: number): void {
    this.usedAtMs = nowMs;
  }

  heard(nowMs: number, isAnswer: boolean): void {
    this.heardAtMs = nowMs;
    this.askedAtMs = undefined;
    if (isAnswer) this.answers = true;
  }

  /** Asks when it is time to. @returns whether the host is quiet */
  look(nowMs: number): boolean {
    const { askedAtMs } = this;
    if (askedAtMs !== undefined) return this.answers && nowMs - askedAtMs > quietMaxMs;
    if (this.isInUse(nowMs) && nowMs - this.heardAtMs >= quietLookMs) {
      this.askedAtMs = nowMs;
      this.ask();
    }
    return false;
  }
}
