import type { Report } from "./report.ts";
export declare function benchScale(): Promise<Report>;
//# sourceMappingURL=scale.d.ts.map