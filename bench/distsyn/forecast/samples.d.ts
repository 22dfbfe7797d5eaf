/**
 * The evidence of every slot of a trace, and whether a call came: what the network learns from. Rows go
 * to folds by a seeded draw, so that a figure is only ever made by weights that have not seen its row.
 */
import { CallHistory, EvidenceReader } from "@tidepool/policy/model";
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
export declare function foldsOf(trace: Trace, folds: number, seed: number): Uint8Array;
export declare function collect(trace: Trace, folds: Uint8Array, options: SampleOptions): Samples;
/** Every slot after a row's first call, the history as it stood before the slot opened in the reader. */
export declare function forEachSlot(trace: Trace, rowIndex: number, reader: EvidenceReader, visit: (slot: number, isHit: boolean, history: CallHistory) => void): void;
//# sourceMappingURL=samples.d.ts.map