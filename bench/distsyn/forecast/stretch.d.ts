import type { Trace } from "./traces.ts";
/** Each row by a factor of its own. Half of the rows lose a share of their calls. */
export declare function stretch(trace: Trace, seed: number): Trace;
//# sourceMappingURL=stretch.d.ts.map