/**
 * The evidence of every slot of a trace that is due, and whether a call came: what the network learns from. Rows go
 * to folds by a seeded draw, so that a figure is only ever made by weights that have not seen its row.
 */
import { CallHistory, EvidenceReader, evidenceCount, markDue } from "@tidepool/policy/model";
import { seededRandom } from "@tidepool/policy";
import type { Trace } from "./traces.ts";

export interface Samples {
  readonly count: number;
  /** count × evidenceCount, in shared memory. */
  readonly evidence: Float32Array;
  readonly hit: Uint8Array;
  readonly weight: Float32Array;
  readonly fold: Uint8Array;
}

export interface SampleOptions {
  /** Share of slots without a call that is kept; each then counts for as many more. */
  readonly quietShare: number;
  readonly traceWeight: number;
  readonly seed: number;
}

/** Large weights are damped: one odd row that stands for hundreds must not lead. */
const weightPower = 0.4;

export function foldsOf(trace: Trace, folds: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const order = trace.rows.map((_, index) => ({ index, key: random() }));
  order.sort((a, b) => a.key - b.key);
  const fold = new Uint8Array(trace.rows.length);
  for (const [place, { index }] of order.entries()) fold[index] = place % folds;
  return fold;
}

export function collect(trace: Trace, folds: Uint8Array, options: SampleOptions): Samples {
  const random = seededRandom(options.seed);
  let capacity = 0;
  for (const row of trace.rows) {
    const slots = trace.slots - (row.minutes[0] ?? trace.slots);
    capacity += row.minutes.length + Math.ceil(slots * Math.min(1, options.quietShare * 1.1)) + 64;
  }
  const evidence = new Float32Array(new SharedArrayBuffer(capacity * evidenceCount * 4));
  const hit = new Uint8Array(new SharedArrayBuffer(capacity));
  const weight = new Float32Array(new SharedArrayBuffer(capacity * 4));
  const fold = new Uint8Array(new SharedArrayBuffer(capacity));
  const reader = new EvidenceReader();
  let count = 0;
  for (const [index, row] of trace.rows.entries()) {
    const rowWeight = row.weight ** weightPower * options.traceWeight;
    forEachSlot(trace, index, reader, (slot, isHit) => {
      if ((!isHit && random() >= options.quietShare) || count >= capacity) return;
      reader.read(slot, evidence.subarray(count * evidenceCount, (count + 1) * evidenceCount));
      hit[count] = isHit ? 1 : 0;
      weight[count] = isHit ? rowWeight : rowWeight / options.quietShare;
      fold[count] = folds[index] ?? 0;
      count += 1;
    });
  }
  return { count, evidence, hit, weight, fold };
}

/** Slots that are marked due at once, as a shard does. */
export const markedSlots = 64;

/** Every slot due after a row's first call, the history as it stood before the slot opened in the reader. */
function forEachSlot(
  trace: Trace,
  rowIndex: number,
  reader: EvidenceReader,
  visit: (slot: number, isHit: boolean, history: CallHistory) => void,
): void {
  const row = trace.rows[rowIndex];
  if (row === undefined) throw new RangeError(`row ${rowIndex} of ${trace.rows.length}`);
  const history = new CallHistory();
  const due = new Uint8Array(markedSlots);
  let next = 0;
  let isOpen = false;
  let markedTo = 0;
  for (let slot = row.minutes[0] ?? trace.slots; slot < trace.slots; slot += 1) {
    const isHit = row.minutes[next] === slot;
    if (history.total > 0) {
      if (!isOpen) {
        reader.open(history);
        markedTo = history.lastSlot + 1;
      }
      isOpen = true;
      for (; markedTo <= slot; markedTo += markedSlots) markDue(reader.view, markedTo, due);
      if (due[slot - markedTo + markedSlots] === 1) visit(slot, isHit, history);
    }
    if (!isHit) continue;
    history.observe(slot, row.counts[next] ?? 1);
    next += 1;
    isOpen = false;
  }
}
