/** How rows are split for cross-fitting: every figure comes from weights that have not seen its row. */
export declare const foldCount = 5;
export declare const foldSeed = 7;
//# sourceMappingURL=split.d.ts.map