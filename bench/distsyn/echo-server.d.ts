export {};
//# sourceMappingURL=echo-server.d.ts.map