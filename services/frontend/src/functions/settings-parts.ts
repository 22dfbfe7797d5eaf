/** Settings that make a version, and settings of the function, which are the same whichever version runs. */
import { isDeepStrictEqual } from "node:util";
import { functionWide } from "./settings.ts";
import type { Settings } from "./settings.ts";

/** What makes a version of the first, what belongs to the function of the second. */
export function combined(version: Settings, ofFunction: Settings): Settings {
  const functionPart = pick(ofFunction, isOfFunction);
  return { ...(versionPart(version) as Settings), ...functionPart };
}

/** Whether VMs made with the one cannot serve the other. */
export function makesVersion(before: Settings, after: Settings): boolean {
  return !isDeepStrictEqual(versionPart(before), versionPart(after));
}

function versionPart(settings: Settings): Partial<Settings> {
  return pick(settings, (key) => !isOfFunction(key));
}

function pick(settings: Settings, isWanted: (key: string) => boolean): Partial<Settings> {
  return Object.fromEntries(Object.entries(settings).filter(([key]) => isWanted(key)));
}

function isOfFunction(key: string): boolean {
  return functionWide.some((known) => known === key);
}
