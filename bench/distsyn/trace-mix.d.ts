export interface Pattern {
    /** Calls in the order of time, from the trace's start. */
    readonly atMs: readonly number[];
    readonly endMs: number;
}
/** A request trace as `tidepool simulate` reads it; the excerpt of examples/ when it is not set. */
export declare const tracePath: string;
/** Each of the patterns has a second of its own in the minute: a trace does not say when in it calls come. */
export declare function drawPatterns(count: number): Promise<Pattern[]>;
//# sourceMappingURL=trace-mix.d.ts.map