export declare const minuteMs = 60000;
export declare const hourMs: number;
export type Random = () => number;
/** How far from its tick a call comes, in milliseconds. */
export type Jitter = (random: Random) => number;
export declare const after: (mostMs: number) => Jitter;
export declare const around: (mostMs: number) => Jitter;
export declare const bell: (sigmaMs: number) => Jitter;
export interface Clock {
    readonly periodMs: number;
    readonly jitter: Jitter;
    readonly ticks: number;
    /** Share of ticks without a call. */
    readonly dropped?: number;
    /** Of the clock itself, at each tick. */
    readonly driftMs?: number;
    /** Calls at a tick. */
    readonly count?: number;
    readonly phaseMs?: number;
    readonly fromMs?: number;
}
export declare function ticking(clock: Clock, seed: number): number[];
/** Calls without memory. */
export declare function poisson(meanMs: number, count: number, seed: number): number[];
//# sourceMappingURL=calls.d.ts.map