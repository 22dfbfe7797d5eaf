/** One function as the frontend keeps it, and its two shapes on the wire: the store's record and the API's message. */
import { fromTimestamp, tidepool, toTimestamp } from "@tidepool/proto";
import { tenantDefault } from "../tenants/tenants.ts";
import { parseSettings } from "./settings.ts";
import type { Settings } from "./settings.ts";

export interface StoredFunction {
  readonly name: string;
  readonly settings: Settings;
  /** "1", "2", …; empty before the first upload. */
  readonly version: string;
  /** "sha256:…"; empty before the first upload. */
  readonly codeDigest: string;
  readonly codeBytes: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Highest version number ever given under this name; survives a delete and a new create. */
  readonly versionsGiven: number;
  /** Whose it is. */
  readonly tenant: string;
}

const { FunctionRecord } = tidepool.internal.v1;

export function encodeRecord(stored: StoredFunction): Uint8Array {
  return FunctionRecord.encode({
    function: functionToWire(stored),
    versionsGiven: stored.versionsGiven,
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
    tenant: wire.tenant || tenantDefault,
  };
}

export function functionToWire(stored: StoredFunction): tidepool.v1.Function.$Properties {
  const { name, settings, version, codeDigest, codeBytes, createdAtMs, updatedAtMs, tenant } =
    stored;
  return {
    name,
    settings: { ...settings },
    version,
    codeDigest,
    codeBytes,
    createdAt: toTimestamp(createdAtMs),
    updatedAt: toTimestamp(updatedAtMs),
    tenant,
  };
}

/** What a host needs to load and run the current version. */
export function versionToWire(
  stored: StoredFunction,
): tidepool.internal.v1.FunctionVersion.$Properties {
  const { name, version, codeDigest, settings } = stored;
  return { name, version, codeDigest, settings: { ...settings } };
}

/** The same function with the next version number. */
export function nextVersion(stored: StoredFunction): StoredFunction {
  const number = stored.versionsGiven + 1;
  return { ...stored, version: String(number), versionsGiven: number };
}
