import type { NetworkWeights } from "@tidepool/policy/model";
import type { Samples } from "./samples.ts";
export interface TrainOptions {
    readonly hidden: readonly number[];
    /** Passes over the samples, in draws. */
    readonly passes: number;
    readonly batch: number;
    readonly rate: number;
    /** Pull of the weights towards zero, a step, as a share of the rate. */
    readonly decay: number;
    readonly seed: number;
    /** Samples of this fold are left out; −1 for none. */
    readonly without: number;
}
export declare function train(sets: readonly Samples[], options: TrainOptions, onProgress?: (share: number) => void): NetworkWeights;
//# sourceMappingURL=train.d.ts.map