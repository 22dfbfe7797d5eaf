/**
 * The probability that a function is called in a coming slot. The network weighs the evidence; a bias of
 * each function's own, learned as outcomes come in, corrects it where this function is unlike those the
 * network was trained on. One forecaster serves all functions of a shard, one after the other.
 */
import type { CallView } from "./call-view.ts";
import { EvidenceReader, evidenceCount } from "./evidence.ts";
import type { CallHistory } from "./history.ts";
import type { Weigher } from "./fleet-learning.ts";

export class Forecaster {
  readonly #weigher: Weigher;
  readonly #reader = new EvidenceReader();
  readonly #evidence = new Float32Array(evidenceCount);
  #history: CallHistory | undefined;

  constructor(weigher: Weigher) {
    this.#weigher = weigher;
  }

  /** The history taken up, laid out for looking back. */
  get view(): CallView {
    return this.#reader.view;
  }

  /** Takes up a function; again after each of its slots with calls. */
  open(history: CallHistory): void {
    this.#history = history;
    this.#reader.open(history);
  }

  /** The probability of a call in `slot`, if none comes before it. */
  probability(slot: number): number {
    const history = this.#history;
    if (history === undefined || history.total === 0) return 0;
    return logistic(this.#weigher.logit(this.evidence(slot)) + history.bias);
  }

  /** What the probability rests on; the next one read overwrites it. */
  evidence(slot: number): Float32Array {
    this.#reader.read(slot, this.#evidence);
    return this.#evidence;
  }
}

function logistic(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
