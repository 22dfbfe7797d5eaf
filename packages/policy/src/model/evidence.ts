/**
 * The evidence for a call in a slot, from one function's history alone: what the network is given.
 * `open` takes a history; `read` then fills in the evidence for any slot after its newest, on the
 * supposition that none comes before. One reader serves all functions, one after the other.
 * The order of the evidence is that of the weights: to change it is to train anew.
 */
import { CallView } from "./call-view.ts";
import { AlignedRounds } from "./evidence-aligned.ts";
import { GapHazards } from "./evidence-gaps.ts";
import { GapPatterns } from "./evidence-patterns.ts";
import { alignment, folds, periodic, wideFolds } from "./evidence-rounds.ts";
import { SlotContexts } from "./evidence-slots.ts";
import { findPeriod, periodRefreshShare } from "./find-period.ts";
import type { CallHistory } from "./history.ts";

export const evidenceCount = 145;
const calendarMarks = [5, 10, 15, 30, 60] as const;
const daySlots = 1440;
/** Slots with calls from which on a period is sought. */
const periodTotalMin = 6;

export class EvidenceReader {
  readonly view = new CallView();
  readonly #gaps = new GapHazards();
  readonly #patterns = new GapPatterns();
  readonly #contexts = new SlotContexts();
  readonly #days = new AlignedRounds(daySlots);

  open(history: CallHistory): void {
    const { view } = this;
    view.open(history);
    if (isPeriodSought(history)) {
      history.period = findPeriod(view.times, view.count + 1);
      history.periodSoughtAt = history.total;
    }
    this.#gaps.open(view);
    this.#patterns.open(view);
    this.#contexts.open();
    this.#days.open(view);
  }

  /** Fills `out` with the evidence for `slot` > the newest slot with calls. */
  read(slot: number, out: Float32Array): void {
    const { view } = this;
    let i = this.#gaps.readHazards(view, slot, out, 0);
    i = this.#patterns.readAges(view, slot, out, i);
    i = this.#patterns.readModal(view, slot, out, i);
    i = this.#patterns.readFollowers(view, slot, out, i);
    i = folds(view, slot, out, i);
    i = periodic(view, slot, out, i);
    i = this.#contexts.read(view, slot, out, i);
    i = this.#gaps.readSpans(view, slot, out, i);
    i = this.#gaps.readFollowers(view, slot, out, i);
    i = wideFolds(view, slot, out, i);
    i = alignment(view, slot, daySlots, out, i);
    i = alignment(view, slot, view.history.period, out, i);
    i = this.#days.read(view, slot, out, i);
    for (const mark of calendarMarks) out[i++] = slot % mark === 0 ? 1 : 0;
    if (i !== evidenceCount) throw new RangeError(`evidence of ${i} numbers, not ${evidenceCount}`);
  }
}

/** A period is sought when a history is taken up that has grown so far since the last time. */
export function isPeriodSought({ total, periodSoughtAt }: CallHistory): boolean {
  return total >= periodTotalMin && total >= periodSoughtAt * periodRefreshShare;
}
