/** One version as the frontend keeps it, and its two shapes on the wire. It never changes once it was written. */
import { isDeepStrictEqual } from "node:util";
import {
  fromTimestamp,
  settingsAt,
  settingsOfVersion,
  tidepool,
  toTimestamp,
} from "@tidepool/proto";
import type { StoredFunction } from "./function-record.ts";
import { parseSettings } from "./settings.ts";
import type { Settings } from "./settings.ts";

export interface StoredVersion {
  /** Of the function. */
  readonly name: string;
  readonly version: string;
  readonly codeDigest: string;
  readonly codeBytes: number;
  /** As they were; what belongs to the function and not to its versions counts for nothing here. */
  readonly settings: Settings;
  readonly publishedAtMs: number;
  readonly description: string;
}

const { VersionRecord } = tidepool.internal.v1;

export function encodeVersion(version: StoredVersion): Uint8Array {
  return VersionRecord.encode({ version: toWire(version) }).finish();
}

/** @throws TidepoolError `invalid` when the record was not written by a frontend */
export function parseVersion(bytes: Uint8Array): StoredVersion {
  const wire = VersionRecord.decode(bytes).version ?? {};
  return {
    name: wire.functionName ?? "",
    version: wire.version ?? "",
    codeDigest: wire.codeDigest ?? "",
    codeBytes: wire.codeBytes ?? 0,
    settings: parseSettings(wire.functionName, wire.settings),
    publishedAtMs: fromTimestamp(wire.publishedAt) ?? 0,
    description: wire.description ?? "",
  };
}

/** As callers see it: with the settings that it would run with now. */
export function versionOfFunction(
  stored: StoredFunction,
  version: StoredVersion,
): tidepool.v1.Version.$Properties {
  const { settings } = atVersion(stored, version);
  return { ...toWire({ ...version, settings }), isActive: version.version === stored.version };
}

/** The function as it is when this version runs. */
export function atVersion(stored: StoredFunction, version: StoredVersion): StoredFunction {
  const { codeDigest, codeBytes } = version;
  const settings = settingsAt(version.settings, stored.settings);
  return { ...stored, version: version.version, codeDigest, codeBytes, settings };
}

/** The active version of a function that was written before versions had records of their own. */
export function activeVersion(stored: StoredFunction): StoredVersion {
  const { name, version, codeDigest, codeBytes, settings, updatedAtMs } = stored;
  const publishedAtMs = updatedAtMs;
  return { name, version, codeDigest, codeBytes, settings, publishedAtMs, description: "" };
}

/** Whether VMs made with the one cannot serve the other. */
export function makesVersion(before: Settings, after: Settings): boolean {
  return !isDeepStrictEqual(settingsOfVersion(before), settingsOfVersion(after));
}

function toWire(stored: StoredVersion): tidepool.v1.Version.$Properties {
  const { name, version, codeDigest, codeBytes, settings, publishedAtMs, description } = stored;
  return {
    functionName: name,
    version,
    codeDigest,
    codeBytes,
    settings: { ...settings },
    publishedAt: toTimestamp(publishedAtMs),
    description,
  };
}
