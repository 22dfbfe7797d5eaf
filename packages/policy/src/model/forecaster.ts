/**
 * The probability that a function is called in a coming slot. The network weighs the evidence; a bias of
 * each function's own, learned as outcomes come in, corrects it where this function is unlike those the
 * network was trained on. One forecaster serves all functions of a shard, one after the other.
 */
import type { CallView } from "./call-view.ts";
import { EvidenceReader, evidenceCount } from "./evidence.ts";
import type { CallHistory } from "./history.ts";
import { Network, type NetworkWeights } from "./network.ts";

export class Forecaster {
  readonly #network: Network;
  readonly #reader = new EvidenceReader();
  readonly #evidence = new Float32Array(evidenceCount);
  #history: CallHistory | undefined;

  constructor(weights: NetworkWeights) {
    this.#network = new Network(weights);
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
    this.#reader.read(slot, this.#evidence);
    return logistic(this.#network.logit(this.#evidence) + history.bias);
  }

  /** The probabilities of the `out.length` slots from `slot` on, if none comes in them. */
  path(slot: number, out: Float32Array): void {
    for (let ahead = 0; ahead < out.length; ahead += 1) out[ahead] = this.probability(slot + ahead);
  }
}

function logistic(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
