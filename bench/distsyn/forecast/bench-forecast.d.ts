import type { Report } from "../report.ts";
export declare function benchForecast(): Promise<Report>;
//# sourceMappingURL=bench-forecast.d.ts.map