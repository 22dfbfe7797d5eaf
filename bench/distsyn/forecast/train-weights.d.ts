export {};
//# sourceMappingURL=train-weights.d.ts.map