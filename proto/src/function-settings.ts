/**
 * Which of FunctionSettings belong to the function and not to its versions: to change one makes no version,
 * and it is the same whichever version runs.
 */
import type { tidepool } from "../gen/tidepool.js";

const ofFunction: readonly string[] = [
  "prediction",
  "coldStartCost",
  "tags",
  "reservedConcurrency",
  "provisioned",
  "rateLimit",
  "async",
  "url",
] satisfies readonly (keyof tidepool.v1.FunctionSettings.$Properties)[];

/** What makes a version of the first, and what belongs to the function of the second. */
export function settingsAt<Settings extends object>(
  version: Settings,
  current: Settings,
): Settings {
  const functionPart = pick(current, (key) => ofFunction.includes(key));
  return { ...(settingsOfVersion(version) as Settings), ...functionPart };
}

/** Those that make a version. */
export function settingsOfVersion<Settings extends object>(settings: Settings): Partial<Settings> {
  return pick(settings, (key) => !ofFunction.includes(key));
}

function pick<T extends object>(all: T, isWanted: (key: string) => boolean): Partial<T> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => isWanted(key))) as Partial<T>;
}
