/** Durations as people write them in a project file: a number and a unit. */

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of "250ms", "30s", "5m", "2h" or "1d"; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const unitMs = unitsMs[unit ?? ""];
  return amount === undefined || unitMs === undefined ? undefined : Number(amount) * unitMs;
}

/** The shortest exact form: 90000 is "90s", 120000 is "2m". */
export function formatDuration(ms: number): string {
  const [unit = "ms", unitMs = 1] =
    Object.entries(unitsMs)
      .toReversed()
      .find(([, each]) => ms >= each && ms % each === 0) ?? [];
  return `${ms / unitMs}${unit}`;
}
