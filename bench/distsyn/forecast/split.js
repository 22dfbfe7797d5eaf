/** How rows are split for cross-fitting: every figure comes from weights that have not seen its row. */
export const foldCount = 5;
export const foldSeed = 7;
//# sourceMappingURL=split.js.map