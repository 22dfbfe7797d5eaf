import type { Report } from "./report.ts";
export declare function benchWarm(): Promise<Report>;
//# sourceMappingURL=warm.d.ts.map