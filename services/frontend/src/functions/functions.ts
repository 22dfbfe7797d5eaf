/**
 * What owners do with functions. A new zip or new settings make a new version; code and version are stored
 * before the record that names them, so no record ever names what was not there.
 */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Clock, Logger } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { requireRoomFor } from "../count-limits.ts";
import { unusedCodeKeepMs, versionsKeptMax } from "../limits.ts";
import type { CodeStore, FunctionStore, VersionStore } from "../ports.ts";
import { versionsOf } from "./aliases.ts";
import { checkCodeZip } from "./code-zip.ts";
import { findFunction } from "./find-function.ts";
import type { StoredFunction } from "./function-record.ts";
import { Publication, published, withFunctionSettings } from "./publication.ts";
import { checkRevision } from "./revision.ts";
import { parseName, parseSettings } from "./settings.ts";
import type { Settings } from "./settings.ts";
import { makesVersion } from "./version-record.ts";

export interface FunctionsOptions {
  readonly store: FunctionStore;
  readonly versions: VersionStore;
  readonly code: CodeStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @throws TidepoolError `invalid` when a secret is not there */
  readonly requireSecrets: (names: readonly string[]) => Promise<void>;
}

type SettingsMessage = tidepool.v1.FunctionSettings.$Properties | null | undefined;

export interface UploadWish {
  readonly name: string;
  /** Undefined: those that the function has. */
  readonly settings: SettingsMessage;
  /** Of the version. */
  readonly description: string;
  /** The active version stays as it is. */
  readonly keepActive: boolean;
  /** Empty: not compared. */
  readonly revision: string;
}

export class Functions {
  private readonly store: FunctionStore;
  private readonly versions: VersionStore;
  private readonly code: CodeStore;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly requireSecrets: FunctionsOptions["requireSecrets"];

  constructor(options: FunctionsOptions) {
    this.store = options.store;
    this.versions = options.versions;
    this.code = options.code;
    this.clock = options.clock;
    this.logger = options.logger.child({ part: "functions" });
    this.requireSecrets = options.requireSecrets;
  }

  /** @throws TidepoolError `notFound` */
  async get(name: string | undefined): Promise<StoredFunction> {
    return findFunction(this.store, name);
  }

  list(): readonly StoredFunction[] {
    return this.store.list();
  }

  /** The settings with all defaults, when a function of that name could have them. Changes nothing. */
  async check(name: string | undefined, given: SettingsMessage): Promise<Settings> {
    const settings = parseSettings(name, given);
    await this.requireSecrets(Object.values(settings.secrets));
    return settings;
  }

  async create(name: string | undefined, given: SettingsMessage): Promise<StoredFunction> {
    const settings = await this.check(name, given);
    const nowMs = this.clock.nowMs();
    // An upload that ran while a function of this name was deleted may have left them.
    const leftovers = this.versions.list(parseName(name));
    const names = this.store.list().map((stored) => stored.name);
    requireRoomFor("functions", parseName(name), names);
    const created = await this.store.create({
      name: parseName(name),
      settings,
      version: "",
      codeDigest: "",
      codeBytes: 0,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      versionsGiven: 0,
      newestVersion: "",
      previousVersion: "",
      aliases: [],
      revision: 0,
      tenant: subjects.tenantOf(parseName(name)),
    });
    for (const { version } of leftovers) await this.versions.remove(created.name, version);
    return created;
  }

  /** @param revision empty: not compared */
  async update(
    name: string | undefined,
    given: SettingsMessage,
    revision = "",
  ): Promise<StoredFunction> {
    const settings = await this.check(name, given);
    const current = await this.get(name);
    if (current.codeDigest !== "" && current.settings.handler !== settings.handler) {
      const zip = await this.code.get(current.codeDigest);
      if (zip !== undefined) await checkCodeZip(zip, settings);
    }
    const updatedAtMs = this.clock.nowMs();
    return this.changeWithVersion(current.name, async (newest, publication) => {
      checkRevision(`function '${newest.name}'`, newest.revision, revision);
      if (isDeepStrictEqual(newest.settings, settings)) return newest;
      const { name: ofName, codeDigest, codeBytes } = newest;
      if (codeDigest === "") return { ...newest, settings, updatedAtMs };
      const changed = { ...withFunctionSettings(newest, settings), updatedAtMs };
      if (!makesVersion(newest.settings, settings)) return changed;
      const about = { publishedAtMs: updatedAtMs, description: "" };
      const draft = { name: ofName, codeDigest, codeBytes, settings, ...about };
      return published(changed, await publication.publish(newest, draft), false);
    });
  }

  async upload(wish: UploadWish, zip: Uint8Array): Promise<StoredFunction> {
    const { name, description, keepActive, revision } = wish;
    const current = await this.get(name);
    const given = wish.settings ? parseSettings(name, wish.settings) : undefined;
    checkRevision(`function '${name}'`, current.revision, revision);
    await this.requireSecrets(Object.values(given?.secrets ?? {}));
    await checkCodeZip(zip, given ?? current.settings);
    const codeDigest = `sha256:${createHash("sha256").update(zip).digest("hex")}`;
    await this.code.put(codeDigest, zip);
    const updatedAtMs = this.clock.nowMs();
    const stored = await this.changeWithVersion(name, async (newest, publication) => {
      checkRevision(`function '${name}'`, newest.revision, revision);
      const settings = given ?? newest.settings;
      const about = { publishedAtMs: updatedAtMs, description };
      const draft = { name, codeDigest, codeBytes: zip.byteLength, settings, ...about };
      const version = await publication.publish(newest, draft);
      const changed = { ...withFunctionSettings(newest, settings), updatedAtMs };
      return published(changed, version, keepActive);
    });
    // A delete that ran between the two writes may have removed the code as unused.
    await this.code.put(codeDigest, zip);
    await this.removeUnusedCode();
    return stored;
  }

  async remove(name: string | undefined): Promise<void> {
    const removed = await this.store.remove(parseName(name));
    const versions = this.versions.list(removed.name);
    for (const { version } of versions) await this.versions.remove(removed.name, version);
    await this.removeUnusedCode([removed, ...versions].map(({ codeDigest }) => codeDigest));
  }

  private async changeWithVersion(
    name: string,
    edit: (newest: StoredFunction, publication: Publication) => Promise<StoredFunction>,
  ): Promise<StoredFunction> {
    const publication = new Publication(this.versions, this.logger);
    let stored;
    try {
      stored = await this.store.change(name, (newest) => edit(newest, publication));
    } catch (error) {
      await publication.failed(error);
      throw error;
    }
    await this.removeOldVersions(stored);
    return stored;
  }

  /** A failure here only leaves versions behind, which the next change removes. */
  private async removeOldVersions(stored: StoredFunction): Promise<void> {
    const { name, version: active, previousVersion, newestVersion, aliases } = stored;
    const staying = new Set([
      active,
      previousVersion,
      newestVersion,
      ...aliases.flatMap(versionsOf),
    ]);
    const others = this.versions.list(name).filter(({ version }) => !staying.has(version));
    try {
      for (const { version } of others.slice(versionsKeptMax)) {
        await this.versions.remove(name, version);
      }
    } catch (error) {
      this.logger.warn("old versions not removed", { name, error });
    }
  }

  /** A failure here only leaves code behind, which the next upload or delete removes. */
  private async removeUnusedCode(atOnce: readonly string[] = []): Promise<void> {
    try {
      const ofFunctions = this.store.list().map((stored) => stored.codeDigest);
      const used = new Set([...ofFunctions, ...this.versions.codeDigests()]);
      const oldestAtMs = this.clock.nowMs() - unusedCodeKeepMs;
      for (const { digest, storedAtMs } of await this.code.list()) {
        if (used.has(digest)) continue;
        if (atOnce.includes(digest) || storedAtMs < oldestAtMs) await this.code.remove(digest);
      }
    } catch (error) {
      this.logger.warn("unused code not removed", { error });
    }
  }
}
