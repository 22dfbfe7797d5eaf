/**
 * What the model says of every slot of a trace, without any policy around it: each function's slots in the
 * order of time, the functions side by side, so that what is learned of one can serve the others. Then how many
 * fewer cold starts than a fixed keep-alive a bar on the probability gives, at the same waste.
 */
import { keepAlive, keepAliveKnob } from "@tidepool/bench/rivals";
import { curvePoints, scoreSlots, seededRandom, slotMsDefault } from "@tidepool/policy";
import {
  CallHistory,
  EvidenceReader,
  evidenceCount,
  FleetLearning,
  markDue,
} from "@tidepool/policy/model";
import type { Weigher } from "@tidepool/policy/model";
import { markedSlots } from "./samples.ts";
import type { Trace, TraceRow } from "./traces.ts";

/** Weights that learn do so when a stretch of so many slots has passed: of a slot they know only what came before. */
const stretchSlots = 15;
const keepAliveComparedMinutes = 10;
const drawSeed = 1;

export interface Forecast {
  /** Of each scored slot that was due, in any order. */
  readonly rows: Uint32Array;
  readonly logits: Float32Array;
  readonly hits: Uint8Array;
  readonly count: number;
}

/** By weights of each row's own; those that are a fleet's go on learning on the way. */
export function forecastTrace(trace: Trace, weigherOf: (row: number) => Weigher): Forecast {
  const reader = new EvidenceReader();
  const draw = seededRandom(drawSeed);
  const runs = trace.rows.map((row) => new RowRun(row, trace.slots));
  const capacity = trace.rows.length * (trace.slots - trace.scoredFrom);
  const rows = new Uint32Array(capacity);
  const logits = new Float32Array(capacity);
  const hits = new Uint8Array(capacity);
  let count = 0;
  for (let from = 0; from < trace.slots; from += stretchSlots) {
    const outcomes: (() => void)[] = [];
    for (const [index, run] of runs.entries()) {
      const weigher = weigherOf(index);
      run.advance(reader, from, from + stretchSlots, (slot, isHit, evidence) => {
        const logit = weigher.logit(evidence);
        if (weigher instanceof FleetLearning) {
          const weight = weigher.drawn(1 / (1 + Math.exp(-logit)), isHit, draw());
          const kept = evidence.slice();
          if (weight > 0) outcomes.push(() => weigher.observe(kept, isHit, weight));
        }
        if (slot < trace.scoredFrom) return;
        rows[count] = index;
        logits[count] = logit;
        hits[count] = isHit ? 1 : 0;
        count += 1;
      });
    }
    for (const learn of outcomes) learn();
  }
  return { rows, logits, hits, count };
}

/** One function on its way through the trace. */
class RowRun {
  readonly #row: TraceRow;
  readonly #slots: number;
  readonly #history = new CallHistory();
  readonly #due = new Uint8Array(markedSlots);
  readonly #evidence = new Float32Array(evidenceCount);
  #next = 0;
  #markedTo = 0;

  constructor(row: TraceRow, slots: number) {
    this.#row = row;
    this.#slots = slots;
  }

  /** Visits the slots from `from` to before `to` in which a call is due. */
  advance(
    reader: EvidenceReader,
    from: number,
    to: number,
    visit: (slot: number, isHit: boolean, evidence: Float32Array) => void,
  ): void {
    const { minutes, counts } = this.#row;
    const history = this.#history;
    let isOpen = false;
    for (let slot = from; slot < Math.min(to, this.#slots); slot += 1) {
      const isHit = minutes[this.#next] === slot;
      if (history.total > 0) {
        if (!isOpen) reader.open(history);
        isOpen = true;
        for (; this.#markedTo <= slot; this.#markedTo += markedSlots)
          markDue(reader.view, this.#markedTo, this.#due);
        if (this.#due[slot - this.#markedTo + markedSlots] === 1) {
          reader.read(slot, this.#evidence);
          visit(slot, isHit, this.#evidence);
        }
      }
      if (!isHit) continue;
      history.observe(slot, counts[this.#next] ?? 1);
      this.#next += 1;
      this.#markedTo = slot + 1;
      isOpen = false;
    }
  }
}

/** How many times fewer cold starts than the fixed keep-alive, when the surest slots are warm up to its waste. */
export function timesFewer(trace: Trace, forecast: Forecast, weights: readonly number[]): number {
  const { rows, logits, hits, count } = forecast;
  const functions = trace.rows.map(({ id, weight, minutes, counts }) => ({
    id,
    weight,
    slots: minutes,
    counts,
  }));
  const workload = { functions, slotMs: slotMsDefault, slots: trace.slots };
  const fixed = curvePoints(scoreSlots(workload, keepAlive, trace.scoredFrom), weights);
  const ten = fixed[keepAliveKnob(keepAliveComparedMinutes)];
  if (ten === undefined) throw new RangeError("no keep-alive to compare with");
  let cold = 0;
  for (const [index, { minutes }] of trace.rows.entries())
    for (const minute of minutes) if (minute >= trace.scoredFrom) cold += weights[index] ?? 0;
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  order.sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0));
  let waste = 0;
  for (const at of order) {
    const weight = weights[rows[at] ?? 0] ?? 0;
    if (waste + weight > ten.waste) break;
    waste += weight;
    if (hits[at] === 1) cold -= weight;
  }
  return ten.cold / cold;
}
