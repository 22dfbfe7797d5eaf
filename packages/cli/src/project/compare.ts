/** What differs between a project file and what is deployed; decided before anything is changed. */
import { isDeepStrictEqual } from "node:util";
import type { CompleteSettings, FunctionDescription } from "@tidepool/sdk";

export interface WantedFunction {
  readonly name: string;
  /** With the server's defaults. */
  readonly settings: CompleteSettings;
  /** "sha256:…" of the zip that would be sent. */
  readonly codeDigest: string;
  readonly codeBytes: number;
}

export interface Difference {
  /** As "memoryMib" or "environment.GREETING". */
  readonly what: string;
  /** Undefined where there is none. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface FunctionChange {
  readonly name: string;
  readonly kind: "create" | "change" | "none";
  readonly isCodeNew: boolean;
  readonly settings: readonly Difference[];
}

export function compareFunction(
  wanted: WantedFunction,
  deployed: FunctionDescription | undefined,
): FunctionChange {
  const { name, settings } = wanted;
  if (deployed === undefined)
    return { name, kind: "create", isCodeNew: true, settings: differences({}, settings) };
  const isCodeNew = deployed.codeDigest !== wanted.codeDigest;
  const changed = differences(deployed.settings, settings);
  const kind = isCodeNew || changed.length > 0 ? "change" : "none";
  return { name, kind, isCodeNew, settings: changed };
}

/** Maps are compared key by key, one level down: an environment says which variable changed. */
export function differences(before: object, after: object, path = ""): readonly Difference[] {
  const old = new Map<string, unknown>(Object.entries(before));
  const next = new Map<string, unknown>(Object.entries(after));
  return [...new Set([...old.keys(), ...next.keys()])].flatMap((key) => {
    const [from, to] = [old.get(key), next.get(key)];
    if (isDeepStrictEqual(from, to)) return [];
    const isMap = path === "" && isPlain(to) && (from === undefined || isPlain(from));
    if (isMap) return differences(from ?? {}, to, `${key}.`);
    return [{ what: `${path}${key}`, before: from, after: to }];
  });
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
