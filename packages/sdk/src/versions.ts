/** Versions of a function and the aliases that name them, as plain data and on the wire. */
import { fromTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { parseSettings } from "./settings.ts";
import type { CompleteSettings } from "./settings.ts";

/** One upload with the settings it was made with; never changed. */
export interface FunctionVersion {
  readonly functionName: string;
  readonly version: string;
  /** "sha256:…" */
  readonly codeDigest: string;
  readonly codeBytes: number;
  readonly settings: CompleteSettings;
  readonly publishedAtMs: number;
  readonly description: string;
  readonly isActive: boolean;
}

/** A name for a version, or for several with a share of the calls each. */
export interface Alias {
  readonly name: string;
  readonly version: string;
  /** Other versions; what is left of the calls goes to `version`. */
  readonly others: readonly WeightedVersion[];
  readonly description: string;
  readonly revision: string;
  readonly updatedAtMs: number;
}

export interface WeightedVersion {
  readonly version: string;
  /** Share of the calls, 0 to 1. */
  readonly weight: number;
}

export interface AliasWish {
  /** Letters, digits, "-" and "_", at most 64; not only digits. */
  readonly name: string;
  readonly version: string;
  readonly others?: readonly WeightedVersion[];
  readonly description?: string;
  /** Refused with `stale` when the alias's is another. */
  readonly revision?: string;
}

export function parseVersion(wire: tidepool.v1.Version.$Properties): FunctionVersion {
  return {
    functionName: wire.functionName ?? "",
    version: wire.version ?? "",
    codeDigest: wire.codeDigest ?? "",
    codeBytes: wire.codeBytes ?? 0,
    settings: parseSettings(wire.settings),
    publishedAtMs: fromTimestamp(wire.publishedAt) ?? 0,
    description: wire.description ?? "",
    isActive: wire.isActive ?? false,
  };
}

export function parseAlias(wire: tidepool.v1.Alias.$Properties): Alias {
  return {
    name: wire.name ?? "",
    version: wire.version ?? "",
    others: (wire.others ?? []).map(({ version, weight }) => ({
      version: version ?? "",
      weight: weight ?? 0,
    })),
    description: wire.description ?? "",
    revision: wire.revision ?? "",
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
  };
}

export function aliasToWire({ others = [], ...rest }: AliasWish): tidepool.v1.Alias.$Properties {
  return { ...rest, others: others.map((other) => ({ ...other })) };
}
