/** Aliases of a function: names for a version, or for several with a share of the calls each. */
import { createHash } from "node:crypto";
import { TidepoolError } from "@tidepool/common";
import { fromTimestamp, subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { aliasOthersMax, descriptionMaxBytes } from "../limits.ts";

export interface StoredAlias {
  readonly name: string;
  readonly version: string;
  /** What is left of the calls goes to `version`. */
  readonly others: readonly WeightedVersion[];
  readonly description: string;
  /** The function's revision when it was set. */
  readonly revision: number;
  readonly updatedAtMs: number;
}

export interface WeightedVersion {
  readonly version: string;
  /** 0 to 1. */
  readonly weight: number;
}

type AliasMessage = tidepool.v1.Alias.$Properties;

/** Versions are numbers, so a number can be no alias. */
export const isVersion = (qualifier: string): boolean => /^\d+$/.test(qualifier);

/** @throws TidepoolError `invalid`, naming everything that is wrong */
export function parseAlias(
  given: AliasMessage | null | undefined,
): Pick<StoredAlias, "name" | "version" | "others" | "description"> {
  const { name = "", version = "", description = "" } = given ?? {};
  const others = (given?.others ?? []).map(parseWeighted);
  const problems = [...nameProblems(name), ...splitProblems(version, others)];
  const bytes = Buffer.byteLength(description);
  if (bytes > descriptionMaxBytes) {
    problems.push(`description has ${bytes} bytes, the limit is ${descriptionMaxBytes}`);
  }
  if (problems.length > 0) throw new TidepoolError("invalid", problems.join("; "));
  return { name, version, others, description };
}

export function parseStoredAlias(wire: AliasMessage): StoredAlias {
  return {
    name: wire.name ?? "",
    version: wire.version ?? "",
    others: (wire.others ?? []).map(parseWeighted),
    description: wire.description ?? "",
    revision: Number(wire.revision || 0),
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
  };
}

export function aliasToWire(alias: StoredAlias): AliasMessage {
  const { name, version, others, description, revision, updatedAtMs } = alias;
  return {
    name,
    version,
    others: others.map((other) => ({ ...other })),
    description,
    revision: String(revision),
    updatedAt: toTimestamp(updatedAtMs),
  };
}

/** Every version that calls may go to through it. */
export function versionsOf({ version, others }: StoredAlias): readonly string[] {
  return [version, ...others.map((other) => other.version)];
}

/** Where one call goes: the same call always to the same version, however often it is sent. */
export function chooseVersion(
  { version, others }: Pick<StoredAlias, "version" | "others">,
  requestId: string,
): string {
  if (others.length === 0) return version;
  let left = shareOf(requestId);
  for (const other of others) {
    left -= other.weight;
    if (left < 0) return other.version;
  }
  return version;
}

/** Evenly spread over 0 to 1, 1 excluded. */
function shareOf(requestId: string): number {
  return createHash("sha256").update(requestId).digest().readUInt32BE() / 2 ** 32;
}

function parseWeighted({
  version,
  weight,
}: tidepool.v1.WeightedVersion.$Properties): WeightedVersion {
  return { version: version ?? "", weight: weight ?? 0 };
}

function nameProblems(name: string): string[] {
  if (subjects.isName(name) && !isVersion(name)) return [];
  return [
    `alias name '${name.slice(0, 80)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_', and not only digits`,
  ];
}

function splitProblems(version: string, others: readonly WeightedVersion[]): string[] {
  const problems: string[] = [];
  const named = [version, ...others.map((other) => other.version)];
  for (const one of named) {
    if (!isVersion(one)) problems.push(`'${one.slice(0, 80)}' is no version`);
  }
  if (new Set(named).size < named.length) problems.push("a version is named twice");
  if (others.length > aliasOthersMax) {
    problems.push(`${others.length} other versions are named, the limit is ${aliasOthersMax}`);
  }
  const wrong = others.filter(({ weight }) => !(weight >= 0 && weight <= 1));
  for (const { version: other, weight } of wrong) {
    problems.push(`weight ${weight} of version ${other} must be 0 to 1`);
  }
  const sum = others.reduce((total, { weight }) => total + weight, 0);
  if (wrong.length === 0 && sum > 1 + weightTolerance) {
    problems.push(`weights of the other versions are ${sum} together, the limit is 1`);
  }
  return problems;
}

/** Ten tenths are not quite one. */
const weightTolerance = 1e-9;
