/**
 * The evidence of every slot of a trace, and whether a call came: what the network learns from. Rows go
 * to folds by a seeded draw, so that a figure is only ever made by weights that have not seen its row.
 */
import { CallHistory, EvidenceReader, evidenceCount } from "@tidepool/policy/model";
import { seededRandom } from "@tidepool/policy";
/** Large weights are damped: one odd row that stands for hundreds must not lead. */
const weightPower = 0.4;
export function foldsOf(trace, folds, seed) {
    const random = seededRandom(seed);
    const order = trace.rows.map((_, index) => ({ index, key: random() }));
    order.sort((a, b) => a.key - b.key);
    const fold = new Uint8Array(trace.rows.length);
    for (const [place, { index }] of order.entries())
        fold[index] = place % folds;
    return fold;
}
export function collect(trace, folds, options) {
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
            if ((!isHit && random() >= options.quietShare) || count >= capacity)
                return;
            reader.read(slot, evidence.subarray(count * evidenceCount, (count + 1) * evidenceCount));
            hit[count] = isHit ? 1 : 0;
            weight[count] = isHit ? rowWeight : rowWeight / options.quietShare;
            fold[count] = folds[index] ?? 0;
            count += 1;
        });
    }
    return { count, evidence, hit, weight, fold };
}
/** Every slot after a row's first call, the history as it stood before the slot opened in the reader. */
export function forEachSlot(trace, rowIndex, reader, visit) {
    const row = trace.rows[rowIndex];
    if (row === undefined)
        throw new RangeError(`row ${rowIndex} of ${trace.rows.length}`);
    const history = new CallHistory();
    let next = 0;
    let isOpen = false;
    for (let slot = row.minutes[0] ?? trace.slots; slot < trace.slots; slot += 1) {
        const isHit = row.minutes[next] === slot;
        if (history.total > 0) {
            if (!isOpen)
                reader.open(history);
            isOpen = true;
            visit(slot, isHit, history);
        }
        if (!isHit)
            continue;
        history.observe(slot, row.counts[next] ?? 1);
        next += 1;
        isOpen = false;
    }
}
//# sourceMappingURL=samples.js.map