/** One function as the frontend keeps it, and its two shapes on the wire: the store's record and the API's message. */
import { fromTimestamp, subjects, tidepool, toTimestamp } from "@tidepool/proto";
import { aliasToWire, parseStoredAlias } from "./aliases.ts";
import type { StoredAlias } from "./aliases.ts";
import { parseSettings } from "./settings.ts";
import type { Settings } from "./settings.ts";

export interface StoredFunction {
  readonly name: string;
  /** Of the active version, and of the function. */
  readonly settings: Settings;
  /** The active one: "1", "2", …; empty before the first upload. */
  readonly version: string;
  /** Of the active version: "sha256:…"; empty before the first upload. */
  readonly codeDigest: string;
  readonly codeBytes: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Highest version number ever given under this name; survives a delete and a new create. */
  readonly versionsGiven: number;
  /** Empty before the first upload. */
  readonly newestVersion: string;
  /** Active before; empty when there was none. */
  readonly previousVersion: string;
  /** By name. */
  readonly aliases: readonly StoredAlias[];
  /** Grows with each change, over deletes too; the store counts it. */
  readonly revision: number;
  /** Whose it is. */
  readonly tenant: string;
}

const { FunctionRecord } = tidepool.internal.v1;

export function encodeRecord(stored: StoredFunction): Uint8Array {
  return FunctionRecord.encode({
    function: functionToWire(stored),
    versionsGiven: stored.versionsGiven,
    previousVersion: stored.previousVersion,
  }).finish();
}

/** @throws TidepoolError `invalid` when the record was not written by a frontend */
export function parseRecord(bytes: Uint8Array): StoredFunction {
  const record = FunctionRecord.decode(bytes);
  const wire: tidepool.v1.Function.$Properties = record.function ?? {};
  return {
    name: wire.name ?? "",
    settings: parseSettings(wire.name, wire.settings),
    version: wire.version ?? "",
    codeDigest: wire.codeDigest ?? "",
    codeBytes: wire.codeBytes ?? 0,
    createdAtMs: fromTimestamp(wire.createdAt) ?? 0,
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
    versionsGiven: record.versionsGiven ?? 0,
    // Written before versions could be other than the newest: the active one is.
    newestVersion: wire.newestVersion || wire.version || "",
    previousVersion: record.previousVersion ?? "",
    aliases: (wire.aliases ?? []).map(parseStoredAlias),
    revision: Number(wire.revision || 0),
    tenant: wire.tenant || subjects.tenantDefault,
  };
}

export function functionToWire(stored: StoredFunction): tidepool.v1.Function.$Properties {
  const { name, settings, version, codeDigest, codeBytes, tenant, newestVersion } = stored;
  return {
    name,
    settings: { ...settings },
    version,
    codeDigest,
    codeBytes,
    createdAt: toTimestamp(stored.createdAtMs),
    updatedAt: toTimestamp(stored.updatedAtMs),
    tenant,
    revision: String(stored.revision),
    newestVersion,
    aliases: stored.aliases.map(aliasToWire),
  };
}

/** What a host needs to load and run the version that is active in it. */
export function versionToWire(
  stored: StoredFunction,
): tidepool.internal.v1.FunctionVersion.$Properties {
  const { name, version, codeDigest, settings } = stored;
  return { name, version, codeDigest, settings: { ...settings } };
}
