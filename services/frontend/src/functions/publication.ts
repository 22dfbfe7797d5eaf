/**
 * A version on its way into a function's record. It gets its number and is stored first, so that no record
 * names a version that is not there; when the record cannot be written after all, it is taken back.
 */
import { isDeepStrictEqual } from "node:util";
import { TidepoolError } from "@tidepool/common";
import type { Code, Logger } from "@tidepool/common";
import { settingsAt } from "@tidepool/proto";
import type { VersionStore } from "../ports.ts";
import type { StoredFunction } from "./function-record.ts";
import { activeVersion, atVersion } from "./version-record.ts";
import type { StoredVersion } from "./version-record.ts";

export type VersionDraft = Omit<StoredVersion, "version">;

/** With any other failure the record may name it by now. */
const surelyNotWritten: readonly Code[] = ["stale", "invalid", "notFound"];

export class Publication {
  private readonly versions: VersionStore;
  private readonly logger: Logger;
  private made: { readonly draft: VersionDraft; readonly version: StoredVersion } | undefined;

  constructor(versions: VersionStore, logger: Logger) {
    this.versions = versions;
    this.logger = logger;
  }

  /** The same version when a writer who was faster makes it necessary to ask again. */
  async publish(current: StoredFunction, draft: VersionDraft): Promise<StoredVersion> {
    if (this.made !== undefined && isDeepStrictEqual(this.made.draft, draft)) {
      return this.made.version;
    }
    await this.takeBack();
    if (current.version !== "") await this.versions.ensure(activeVersion(current));
    const version = await this.versions.add(draft, current.versionsGiven);
    this.made = { draft, version };
    return version;
  }

  /** To be called when the record was not written. */
  async failed(error: unknown): Promise<void> {
    if (error instanceof TidepoolError && surelyNotWritten.includes(error.code)) {
      await this.takeBack();
    }
  }

  private async takeBack(): Promise<void> {
    const { version } = this.made ?? {};
    this.made = undefined;
    if (version === undefined) return;
    try {
      await this.versions.remove(version.name, version.version);
    } catch (error) {
      this.logger.warn("version not taken back", {
        name: version.name,
        version: version.version,
        error,
      });
    }
  }
}

/**
 * The function with a version that was just published: active unless a newer one has become so meanwhile. The
 * first is active in any case, since there is nothing else to keep.
 */
export function published(
  current: StoredFunction,
  version: StoredVersion,
  keepActive: boolean,
): StoredFunction {
  const number = Math.max(current.versionsGiven, Number(version.version));
  const newestVersion = String(Math.max(Number(current.newestVersion), Number(version.version)));
  const noted = { ...current, versionsGiven: number, newestVersion };
  const isOvertaken = Number(current.version) > Number(version.version);
  const staysInactive = isOvertaken || (keepActive && current.version !== "");
  return staysInactive ? noted : activated(noted, version);
}

export function activated(current: StoredFunction, version: StoredVersion): StoredFunction {
  const previousVersion = current.version || current.previousVersion;
  return { ...atVersion(current, version), previousVersion };
}

/** Settings that belong to the function, of the one; those of its active version stay. */
export function withFunctionSettings(
  current: StoredFunction,
  settings: StoredFunction["settings"],
): StoredFunction {
  return { ...current, settings: settingsAt(current.settings, settings) };
}
