/** One function as its record in the bucket says: the active version, and where its aliases go. */
import { settingsAt, tidepool } from "@tidepool/proto";
import type { FunctionVersion } from "../ports.ts";
import { tenantDefault } from "../ports.ts";
import { parseFunctionRecord, parseFunctionVersion } from "./parse.ts";

export interface PublishedFunction {
  readonly active: FunctionVersion;
  /** Alias to the version that most of its calls go to; undefined when there are no aliases. */
  readonly aliases: ReadonlyMap<string, string> | undefined;
}

/** @returns undefined for a function without code: it cannot be called */
export function parsePublished(bytes: Uint8Array): PublishedFunction | undefined {
  const record = tidepool.internal.v1.FunctionRecord.decode(bytes);
  const active = parseFunctionRecord(record);
  if (active === undefined) return undefined;
  const aliases = record.function?.aliases ?? [];
  if (aliases.length === 0) return { active, aliases: undefined };
  return { active, aliases: new Map(aliases.map((one) => [one.name ?? "", mostOf(one)])) };
}

/** The version that calls with this qualifier go to; undefined where that cannot be told. */
export function versionFor(
  { active, aliases }: PublishedFunction,
  qualifier: string,
): string | undefined {
  if (qualifier === "") return active.version;
  return /^\d+$/.test(qualifier) ? qualifier : aliases?.get(qualifier);
}

/** A version that is not the active one, with those settings that belong to the function. */
export function parseVersionRecord(
  bytes: Uint8Array,
  { active }: PublishedFunction,
): FunctionVersion {
  const { version } = tidepool.internal.v1.VersionRecord.decode(bytes);
  const wire = {
    name: version?.functionName ?? "",
    version: version?.version ?? "",
    codeDigest: version?.codeDigest ?? "",
    settings: settingsAt<tidepool.v1.FunctionSettings.$Properties>(
      version?.settings ?? {},
      active.wire.settings ?? {},
    ),
  };
  return parseFunctionVersion(wire, active.tenant || tenantDefault);
}

/** What is left of the calls goes to the alias's own version. */
function mostOf({ version, others }: tidepool.v1.Alias.$Properties): string {
  let most = { version: version ?? "", weight: 1 };
  for (const { weight } of others ?? []) most.weight -= weight ?? 0;
  for (const other of others ?? []) {
    const weight = other.weight ?? 0;
    if (weight > most.weight) most = { version: other.version ?? "", weight };
  }
  return most.version;
}
