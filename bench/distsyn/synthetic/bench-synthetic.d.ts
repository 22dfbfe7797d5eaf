import type { Report } from "../report.ts";
export declare function benchSynthetic(): Promise<Report>;
//# sourceMappingURL=bench-synthetic.d.ts.map