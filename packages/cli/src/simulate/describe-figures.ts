/** The figures that Tidepool's policy is held to, for people: measured, and over functions drawn anew. Pure. */
import { budgets, coldShareWaste, fewLoads, resamples } from "@tidepool/policy";
import type { FigureName, Figures, Interval } from "@tidepool/policy";
import { renderTable } from "../terminal/table.ts";
import type { Contest } from "./contest.ts";

const times = (value: number): string => `${value.toFixed(2)} ×`;
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const whole = (value: number): string => String(value);

const rows: readonly (readonly [FigureName, string, (value: number) => string])[] = [
  ["timesFewerThanFixed", "fewer cold starts than the 10-minute keep-alive, at its waste", times],
  ["timesFewerThanHybrid", "fewer than the hybrid histogram (4 h), at its waste", times],
  [
    "timesFewerThanBestHybrid",
    "fewer than its best variant, at the 10-minute keep-alive's waste",
    times,
  ],
  [
    "timesFewerThanEveryFixed",
    `fewer than the best fixed keep-alive, at every waste up to ${budgets.to}`,
    times,
  ],
  [
    "timesFewerThanHybridFewLoads",
    `fewer than the hybrid histogram (4 h), loads at most ${fewLoads} × the keep-alive's`,
    times,
  ],
  [
    "coldShareP75",
    `cold share of three functions in four, waste at most ${coldShareWaste}`,
    percent,
  ],
  ["hybridColdShareP75", "the same of the hybrid histogram (4 h), at its own waste", percent],
];

export function describeFigures({ weighted, distinct, pool }: Contest): string[] {
  const lines = [
    ...(weighted?.figures === undefined
      ? []
      : figureRows("each row by its weight", weighted.figures)),
    ...(distinct.figures === undefined ? [] : figureRows("each function once", distinct.figures)),
  ];
  if (lines.length === 0 || pool.learned === undefined) return lines;
  const table = renderTable(
    [
      { title: "GENERIC VMS, EACH FUNCTION ONCE" },
      { title: "WORST MINUTE", align: "right" },
      { title: "5-95 %", align: "right" },
      { title: "99.9 % OF MINUTES", align: "right" },
      { title: "5-95 %", align: "right" },
    ],
    [
      ["tidepool, waste at most the keep-alive's", pool.learned] as const,
      ["fixed keep-alive, 10 min", pool.fixed] as const,
    ].map(([name, { worst, p999 }]) => [name, ...both(worst, whole), ...both(p999, whole)]),
  );
  return [...lines, ...table.trimEnd().split("\n"), ""];
}

function figureRows(title: string, figures: Figures): string[] {
  const table = renderTable(
    [
      { title: `TIDEPOOL'S, ${title.toUpperCase()}` },
      { title: "MEASURED", align: "right" },
      { title: `5-95 % OF ${resamples} DRAWS`, align: "right" },
    ],
    rows.map(([name, what, format]) => [what, ...both(figures[name], format)]),
  );
  return [...table.trimEnd().split("\n"), ""];
}

function both({ value, low, high }: Interval, format: (value: number) => string): string[] {
  const interval = low === null || high === null ? "-" : `${format(low)} - ${format(high)}`;
  return [value === null ? "-" : format(value), interval];
}
