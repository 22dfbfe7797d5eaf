/** A contest of policies for people. Pure. */
import type { Simulation } from "@tidepool/policy";
import { formatDuration } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";
import type { Contest, Weighing } from "./contest.ts";
import { describeFigures } from "./describe-figures.ts";
import { whereBeaten } from "./where-beaten.ts";

const minuteMs = 60_000;

export function describeContest(contest: Contest): string {
  const { weighted, distinct, wasteShares } = contest;
  const lines = [
    describeLog(contest),
    "",
    ...(weighted === undefined
      ? []
      : [...describeWeighing("each row by its weight", weighted, wasteShares), ""]),
    ...describeWeighing("each function once", distinct, wasteShares),
    "",
    ...describeFigures(contest),
    ...describeSaving(contest),
  ];
  return `${lines.join("\n")}\n`;
}

export function describeLog({ functions, calls, slots, scoreFromSlot }: Contest): string {
  const length = (count: number): string => formatDuration(count * minuteMs);
  return `${counted(calls, "call")} of ${counted(functions, "function")} in ${length(slots)}; the first ${length(scoreFromSlot)} are history only`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function describeWeighing(
  title: string,
  weighing: Weighing,
  wasteShares: readonly number[],
): string[] {
  const { baseline, policies } = weighing;
  const number = (value: number | null): string => (value === null ? "-" : value.toFixed(2));
  const right = (name: string): { title: string; align: "right" } => ({
    title: name,
    align: "right",
  });
  const table = renderTable(
    [
      { title: "COLD STARTS AT WASTE" },
      ...wasteShares.map((share) => right(share.toFixed(1))),
      right("LOADS"),
      right("VMS WORST"),
      right("99.9 %"),
    ],
    policies.map(({ name, coldShares, loadsShare, pool }) => [
      name,
      ...coldShares.map(number),
      number(loadsShare),
      pool === null ? "-" : String(pool.worst),
      pool === null ? "-" : String(pool.p999),
    ]),
  );
  return [
    `Slots of a minute, ${title}. 1 is the fixed 10-minute keep-alive: ${Math.round(baseline.cold)} cold starts, ${Math.round(baseline.waste)} warm minutes.`,
    ...table.trimEnd().split("\n"),
    ...whereBeaten(weighing, wasteShares),
  ];
}

function describeSaving({ distinct, seconds, priceS, wasteShares }: Contest): string[] {
  const own = distinct.policies.find(({ choice }) => choice === "learned");
  const { fixed, learned } = seconds;
  const row = (name: string, { distinct: run }: Simulation): string[] => {
    const hours = `${(run.idleVmMs / 3_600_000).toFixed(1)} h`;
    return [name, String(run.cold), hours, String(run.loads)];
  };
  const comparison = renderTable(
    [
      { title: "TO THE SECOND, EACH FUNCTION ONCE" },
      { title: "COLD STARTS", align: "right" },
      { title: "IDLE VM TIME", align: "right" },
      { title: "LOADS", align: "right" },
    ],
    [row("fixed keep-alive, 10 min", fixed), row(`tidepool, price ${priceS} s`, learned)],
  );
  return [
    ...comparison.trimEnd().split("\n"),
    "",
    "On this log, against keeping every VM for 10 minutes after its call:",
    ...(own === undefined ? [] : inWords(own.coldShares[wasteShares.indexOf(1)], own.wasteShare)),
    `- to the second, at the price of ${priceS} s: ${learned.distinct.cold} cold starts instead of ${fixed.distinct.cold}, and VMs idle ${percentLess(learned.distinct.idleVmMs / fixed.distinct.idleVmMs)}.`,
  ];
}

function inWords(coldShare: number | null | undefined, wasteShare: number | null): string[] {
  const lines: string[] = [];
  if (typeof coldShare === "number")
    lines.push(
      `- in slots of a minute, for the same idle time Tidepool has ${timesFewer(coldShare)} cold starts;`,
    );
  else lines.push("- in slots of a minute, Tidepool's cheapest setting idles longer than that;");
  lines.push(
    wasteShare === null
      ? "- no setting of Tidepool has as few cold starts;"
      : `- for as many cold starts its VMs idle ${percentLess(wasteShare)};`,
  );
  return lines;
}

function timesFewer(share: number): string {
  if (share === 0) return "no";
  return share <= 1 ? `${(1 / share).toFixed(1)} times fewer` : `${share.toFixed(1)} times as many`;
}

function percentLess(share: number): string {
  const percent = Math.round(Math.abs(1 - share) * 100);
  if (percent === 0) return "as long";
  return `${percent} % ${share < 1 ? "less" : "longer"}`;
}
