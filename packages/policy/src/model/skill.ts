/**
 * What a function's own outcomes teach: a bias that corrects its forecasts, and its degree of
 * periodicity. The degree is the share of the surprise in its calls that the forecasts took away,
 * against knowing no more than its rate: 0 for calls without memory, near 1 for a clock.
 */
import type { CallHistory } from "./history.ts";

/** The bias moves as if so much had been learned before the first outcome. */
const biasPrior = 20;
/** Share of what the bias rests on that still counts one slot later: about two days. */
const biasKept = 0.9995;
/** Share of losses and rate that still counts one call later: about fifty calls. */
const lossKept = 0.98;
/**
 * Less than this share of the rate is never forecast, as far as losses go: a slot in which nothing is due claims so much
 * and no more, so that a call each day among others of chance is not paid for by each of those.
 */
const leastOfRate = 0.5;
/** Surprise, in nats, that both are taken to have suffered before the first outcome. */
const lossPrior = 4;
/** Forecasts may have done worse by so many nats and no more: what was learned later is not to pay for more. */
const behindMax = 2;
const certaintyMax = 1e-4;
/** Of each at least `certaintyMax`: their product is still far from the smallest number there is. */
const factorsMax = 32;

/** A slot for which `probability` was forecast has passed, with or without a call. */
export function settle(history: CallHistory, probability: number, isHit: boolean): void {
  history.learned = history.learned * biasKept + probability * (1 - probability);
  history.bias += ((isHit ? 1 : 0) - probability) / (history.learned + biasPrior);
  const rate = (history.hitsSettled + 0.5) / (history.slotsSettled + 1);
  history.loss += surprise(Math.max(probability, leastOfRate * rate), isHit);
  history.rateLoss += surprise(rate, isHit);
  history.slotsSettled += 1;
  history.loss = Math.min(history.loss, history.rateLoss + behindMax);
  if (!isHit) return;
  history.hitsSettled = (history.hitsSettled + 1) * lossKept;
  history.slotsSettled *= lossKept;
  history.loss *= lossKept;
  history.rateLoss *= lossKept;
}

/** Slots that nobody needed to forecast have passed without a call. */
export function settleQuiet(history: CallHistory, slots: number): void {
  const hits = history.hitsSettled + 0.5;
  const before = history.rateLoss;
  let settled = history.slotsSettled;
  // The surprise of some slots together is the logarithm of a product: one is taken for many.
  let together = 1;
  let count = 0;
  for (let i = 0; i < slots; i += 1) {
    const rate = hits / (settled + 1);
    together *= 1 - Math.min(1 - certaintyMax, Math.max(certaintyMax, rate));
    settled += 1;
    count += 1;
    if (count < factorsMax) continue;
    history.rateLoss -= Math.log(together);
    together = 1;
    count = 0;
  }
  history.rateLoss -= Math.log(together);
  history.loss += leastOfRate * (history.rateLoss - before);
  history.slotsSettled = settled;
}

/** The degree of periodicity, 0 to 1. */
export function degreeOf(history: CallHistory): number {
  const { loss, hitsSettled, slotsSettled } = history;
  const saved = surpriseSaved(history);
  if (saved <= 0) return 0;
  // Of what the rate loses in quiet slots, about a nat a call, no forecast takes away more than the rest.
  const least = leastOfRate * hitsSettled * (1 - hitsSettled / slotsSettled);
  return saved / (saved + Math.max(0, loss - least) + lossPrior);
}

/** Nats that the forecasts took away: by chance alone more than x with a likelihood of about exp(−x), ever. */
export function surpriseSaved(history: CallHistory): number {
  return history.rateLoss - history.loss;
}

function surprise(probability: number, isHit: boolean): number {
  const bounded = Math.min(1 - certaintyMax, Math.max(certaintyMax, probability));
  return -Math.log(isHit ? bounded : 1 - bounded);
}
