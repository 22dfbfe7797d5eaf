/** The curves of cold starts against waste as a drawing. The same figures give the same bytes. */
import type { Interval } from "@tidepool/policy";
import type { Weighing } from "./contest.ts";
import type { PolicyChoice } from "./task.ts";

const width = 900;
const height = 560;
const plot = { left: 80, right: 680, top: 70, bottom: 490 };
const coldShareMax = 5;
const coldShareMin = 0.01;
const coldTicks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;
const wasteTickCount = 5;

/** Told apart with any eyes: Okabe and Ito's colours, and dashes. */
const strokes: Readonly<Record<PolicyChoice, { colour: string; dash: string; width: number }>> = {
  fixed: { colour: "#555555", dash: "", width: 2 },
  learned: { colour: "#0072b2", dash: "", width: 4 },
  hybrid: { colour: "#d55e00", dash: "8 4", width: 2 },
  fft: { colour: "#009e73", dash: "3 4", width: 2 },
  clairvoyant: { colour: "#999999", dash: "1 5", width: 2 },
};

/** @param wasteShares what the tables have columns for; the drawing goes a little further */
export function drawCurves(
  { baseline, policies, figures }: Weighing,
  wasteShares: readonly number[],
  subtitle: string,
): string {
  const wasteShareMax = Math.ceil(Math.max(...wasteShares) * 2 + 1) / 2;
  const xOf = (share: number): number =>
    round(plot.left + (share / wasteShareMax) * (plot.right - plot.left));

  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="14">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(plot.left, 32, "Cold starts against waste", 'font-size="20" font-weight="bold"'),
    text(plot.left, 54, subtitle, 'fill="#555"'),
    ...axes(wasteShareMax, xOf),
    ...policies.map(({ choice, frontier }) => {
      const points = frontier.map(({ waste, cold }) => ({
        x: waste / baseline.waste,
        y: cold / baseline.cold,
      }));
      return curve(choice, points, wasteShareMax, xOf);
    }),
    marker(xOf(1)),
    interval(figures?.timesFewerThanFixed, xOf(1)),
    ...policies.map(({ choice, name }, index) => legend(choice, name, index)),
    `<g font-size="12" fill="#555">${text(plot.right + 24, plot.top + 40 + policies.length * 26, "lower and further left is better")}</g>`,
    "</svg>",
  ];
  return `${parts.filter((part) => part !== "").join("\n")}\n`;
}

function axes(wasteShareMax: number, xOf: (share: number) => number): string[] {
  const wasteTicks = Array.from(
    { length: wasteTickCount + 1 },
    (_, index) => (index * wasteShareMax) / wasteTickCount,
  );
  const grid = [
    ...wasteTicks.map((tick) => {
      const x = xOf(tick);
      return `<line x1="${x}" y1="${plot.top}" x2="${x}" y2="${plot.bottom}" stroke="#e5e5e5"/>${text(x, plot.bottom + 20, String(round(tick)), 'text-anchor="middle"')}`;
    }),
    ...coldTicks.map((tick) => {
      const y = yOf(tick);
      return `<line x1="${plot.left}" y1="${y}" x2="${plot.right}" y2="${y}" stroke="#e5e5e5"/>${text(plot.left - 8, y + 5, tick === coldShareMin ? `≤ ${tick}` : String(tick), 'text-anchor="end"')}`;
    }),
  ];
  const middle = (plot.top + plot.bottom) / 2;
  return [
    ...grid,
    `<path d="M${plot.left} ${plot.top}V${plot.bottom}H${plot.right}" fill="none" stroke="#333"/>`,
    text(
      (plot.left + plot.right) / 2,
      plot.bottom + 46,
      "warm time without a call (fixed 10-minute keep-alive = 1)",
      'text-anchor="middle"',
    ),
    `<g transform="translate(28 ${middle}) rotate(-90)">${text(0, 0, "cold starts (fixed 10-minute keep-alive = 1)", 'text-anchor="middle"')}</g>`,
  ];
}

function curve(
  choice: PolicyChoice,
  points: readonly { x: number; y: number }[],
  wasteShareMax: number,
  xOf: (share: number) => number,
): string {
  const shown = points.filter(({ x }) => x <= wasteShareMax);
  const [only] = shown;
  if (only === undefined) return "";
  const { colour, dash, width: strokeWidth } = strokes[choice];
  const stroke = `fill="none" stroke="${colour}" stroke-width="${strokeWidth}" stroke-dasharray="${dash}"`;
  const path = shown.map(({ x, y }, i) => `${i === 0 ? "M" : "L"}${xOf(x)} ${yOf(y)}`).join("");
  // More waste does not bring a policy above its own best: it goes on level.
  const level = points.length === shown.length ? `H${xOf(wasteShareMax)}` : "";
  const dots = shown
    .map(({ x, y }) => `<circle cx="${xOf(x)}" cy="${yOf(y)}" r="3" fill="${colour}"/>`)
    .join("");
  return `<path d="${path}${level}" ${stroke}/>${choice === "learned" ? dots : ""}`;
}

/** Tidepool's cold starts at the marked keep-alive's waste, over functions drawn anew. */
function interval(times: Interval | undefined, x: number): string {
  if (times === undefined || times.low === null || times.high === null) return "";
  const [above, below] = [yOf(1 / times.low), yOf(1 / times.high)];
  const { colour } = strokes.learned;
  const ends = [above, below].map((y) => `M${x - 6} ${y}H${x + 6}`).join("");
  return `<path d="M${x} ${above}V${below}${ends}" fill="none" stroke="${colour}" stroke-width="2"/>${text(x + 10, below + 14, "5-95 %", `fill="${colour}" font-size="12"`)}`;
}

function marker(x: number): string {
  const y = yOf(1);
  return `<circle cx="${x}" cy="${y}" r="6" fill="white" stroke="#555555" stroke-width="2"/>${text(x + 12, y - 8, "10-minute keep-alive", 'fill="#555" font-size="12"')}`;
}

function legend(choice: PolicyChoice, name: string, index: number): string {
  const { colour, dash, width: strokeWidth } = strokes[choice];
  const y = plot.top + 20 + index * 26;
  const x = plot.right + 24;
  return `<line x1="${x}" y1="${y}" x2="${x + 36}" y2="${y}" stroke="${colour}" stroke-width="${strokeWidth}" stroke-dasharray="${dash}"/>${text(x + 46, y + 5, name)}`;
}

/** Logarithmic: twice as few is as far everywhere. */
function yOf(share: number): number {
  const bounded = Math.min(coldShareMax, Math.max(coldShareMin, share));
  const height01 = Math.log(bounded / coldShareMin) / Math.log(coldShareMax / coldShareMin);
  return round(plot.bottom - height01 * (plot.bottom - plot.top));
}

const round = (value: number): number => Math.round(value * 10) / 10;

function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return `<text x="${x}" y="${y}"${attributes === "" ? "" : ` ${attributes}`}>${escaped}</text>`;
}
