export interface TraceRow {
    readonly id: string;
    /** How many functions of the original population the row stands for. */
    readonly weight: number;
    readonly minutes: readonly number[];
    readonly counts: readonly number[];
}
export interface Trace {
    readonly name: string;
    readonly rows: readonly TraceRow[];
    readonly slots: number;
    /** What lies before is history only. */
    readonly scoredFrom: number;
}
export declare function readTrace(name: string, path: string, slots: number, scoredFrom: number): Trace;
export declare function readAzure(folder: string): Trace;
export declare function readGitcron(folder: string): Trace;
//# sourceMappingURL=traces.d.ts.map