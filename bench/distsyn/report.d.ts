import type { Row } from "./stats.ts";
export interface Claim {
    readonly what: string;
    readonly value: number;
    readonly unit: string;
    readonly bound: {
        readonly atLeast: number;
    } | {
        readonly atMost: number;
    };
}
export interface Report {
    readonly title: string;
    readonly accelerator: string;
    readonly rows: readonly Row[];
    readonly claims: readonly Claim[];
}
export declare function describeMachine(): Promise<string>;
export declare function holds({ value, bound }: Claim): boolean;
export declare function describeReport({ title, accelerator, rows, claims }: Report): string;
//# sourceMappingURL=report.d.ts.map