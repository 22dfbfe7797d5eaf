/** Which versions a function has, which one is active, what its aliases name, and which one a call runs. */
import { TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import { aliasesMax } from "../limits.ts";
import type { FunctionStore, VersionStore } from "../ports.ts";
import { parseAlias, versionsOf } from "./aliases.ts";
import type { StoredAlias } from "./aliases.ts";
import type { StoredFunction } from "./function-record.ts";
import { findFunction } from "./find-function.ts";
import { activated } from "./publication.ts";
import { targetOf } from "./qualifier.ts";
import { checkRevision } from "./revision.ts";
import { parseName } from "./settings.ts";
import { activeVersion, atVersion } from "./version-record.ts";
import type { StoredVersion } from "./version-record.ts";

export interface VersionsOptions {
  readonly store: FunctionStore;
  readonly versions: VersionStore;
  readonly clock: Clock;
}

export class Versions {
  private readonly store: FunctionStore;
  private readonly versions: VersionStore;
  private readonly clock: Clock;

  constructor({ store, versions, clock }: VersionsOptions) {
    this.store = store;
    this.versions = versions;
    this.clock = clock;
  }

  /** Newest first. @throws TidepoolError `notFound` */
  async list(
    name: string | undefined,
  ): Promise<{ readonly stored: StoredFunction; readonly versions: readonly StoredVersion[] }> {
    const stored = await findFunction(this.store, name);
    const versions = this.versions.list(stored.name);
    const isKnown = versions.some(({ version }) => version === stored.version);
    const all = isKnown || stored.version === "" ? versions : [activeVersion(stored), ...versions];
    return { stored, versions: [...all].sort((a, b) => Number(b.version) - Number(a.version)) };
  }

  /**
   * @param version empty: the one that was active before
   * @throws TidepoolError `notFound`, `stale`
   */
  async activate(
    name: string | undefined,
    version: string,
    revision: string,
  ): Promise<StoredFunction> {
    const updatedAtMs = this.clock.nowMs();
    return this.store.change(parseName(name), async (newest) => {
      checkRevision(`function '${newest.name}'`, newest.revision, revision);
      const wanted = version || newest.previousVersion;
      if (wanted === "") {
        throw new TidepoolError(
          "notFound",
          `function '${newest.name}' has had no version before the active one`,
        );
      }
      if (wanted === newest.version) return newest;
      const found = await this.find(newest, wanted);
      if (newest.version !== "") await this.versions.ensure(activeVersion(newest));
      return { ...activated(newest, found), updatedAtMs };
    });
  }

  /** @throws TidepoolError `invalid`, `notFound` for a version that does not exist, `stale` */
  async putAlias(
    name: string | undefined,
    given: tidepool.v1.Alias.$Properties | null | undefined,
  ): Promise<StoredAlias> {
    const alias = parseAlias(given);
    const updatedAtMs = this.clock.nowMs();
    const changed = await this.store.change(parseName(name), async (newest) => {
      const before = newest.aliases.find((one) => one.name === alias.name);
      const others = newest.aliases.filter((one) => one !== before);
      checkRevision(
        `alias '${alias.name}' of function '${newest.name}'`,
        before?.revision ?? 0,
        given?.revision,
      );
      if (others.length >= aliasesMax) {
        throw new TidepoolError(
          "invalid",
          `function '${newest.name}' has ${others.length} aliases, the limit is ${aliasesMax}`,
        );
      }
      for (const version of versionsOf({ ...alias, revision: 0, updatedAtMs })) {
        const found = await this.find(newest, version);
        await this.versions.ensure(found);
      }
      const put = { ...alias, revision: newest.revision + 1, updatedAtMs };
      return { ...newest, updatedAtMs, aliases: sorted([...others, put]) };
    });
    return aliasOf(changed, alias.name);
  }

  async aliases(name: string | undefined): Promise<readonly StoredAlias[]> {
    return (await findFunction(this.store, name)).aliases;
  }

  /** @throws TidepoolError `notFound` */
  async deleteAlias(name: string | undefined, alias: string): Promise<void> {
    const updatedAtMs = this.clock.nowMs();
    await this.store.change(parseName(name), (newest) => {
      const gone = aliasOf(newest, alias);
      return { ...newest, updatedAtMs, aliases: newest.aliases.filter((one) => one !== gone) };
    });
  }

  /**
   * The function as it is when the version runs that this call goes to.
   * @throws TidepoolError `notFound` for a function, version or alias that does not exist, or a function without code
   */
  async resolve(name: string, qualifier: string, requestId: string): Promise<StoredFunction> {
    let stored = await findFunction(this.store, name);
    let version = targetOf(stored, qualifier, requestId);
    if (version === undefined) {
      // Another frontend may have made it a moment ago.
      stored = (await this.store.read(name)) ?? stored;
      version = targetOf(stored, qualifier, requestId);
    }
    if (version === undefined) {
      throw new TidepoolError("notFound", `function '${name}' has no alias '${qualifier}'`, {
        component: "client",
        reason: "aliasUnknown",
      });
    }
    if (version === "") {
      throw new TidepoolError("notFound", `function '${stored.name}' has no code yet`, {
        component: "client",
        reason: "noCode",
      });
    }
    return version === stored.version
      ? stored
      : atVersion(stored, await this.find(stored, version));
  }

  /** The same at once, as far as this frontend knows it. */
  resolveKnown(
    stored: StoredFunction,
    qualifier: string,
    requestId: string,
  ): StoredFunction | undefined {
    const version = targetOf(stored, qualifier, requestId) ?? "";
    if (version === stored.version) return stored;
    const found = this.versions.known(stored.name, version);
    return found === undefined ? undefined : atVersion(stored, found);
  }

  private async find(stored: StoredFunction, version: string): Promise<StoredVersion> {
    if (version === stored.version) return activeVersion(stored);
    const found = await this.versions.find(stored.name, version);
    if (found !== undefined) return found;
    throw new TidepoolError(
      "notFound",
      `function '${stored.name}' has no version '${version.slice(0, 80)}' (any more)`,
      { component: "client", reason: "versionUnknown" },
    );
  }
}

function aliasOf({ name, aliases }: StoredFunction, alias: string): StoredAlias {
  const found = aliases.find((one) => one.name === alias);
  if (found !== undefined) return found;
  throw new TidepoolError("notFound", `function '${name}' has no alias '${alias.slice(0, 80)}'`, {
    component: "client",
    reason: "aliasUnknown",
  });
}

function sorted(aliases: readonly StoredAlias[]): readonly StoredAlias[] {
  return [...aliases].sort((a, b) => (a.name < b.name ? -1 : 1));
}
