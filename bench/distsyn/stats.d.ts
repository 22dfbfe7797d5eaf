/** Order statistics of measured times. */
/** @param share 0 to 1; nearest rank */
export declare function quantile(values: readonly number[], share: number): number;
export interface Row {
    readonly what: string;
    readonly p50Ms: number;
    readonly p95Ms: number;
    readonly count: number;
}
export declare function rowOf(what: string, valuesMs: readonly number[]): Row;
/** Runs `work` one after the other and gives each run's time, ms. */
export declare function timesOf(count: number, work: (index: number) => Promise<unknown>): Promise<number[]>;
//# sourceMappingURL=stats.d.ts.map