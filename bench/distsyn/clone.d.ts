import type { Report } from "./report.ts";
export declare function benchClone(): Promise<Report>;
//# sourceMappingURL=clone.d.ts.map