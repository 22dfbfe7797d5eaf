/**
 * What owners do with functions. A new zip or new settings make a new version; the code is stored before
 * the record that names it, so no record ever names code that was not there.
 */
import { createHash } from "node:crypto";
import { TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import { unusedCodeKeepMs } from "../limits.ts";
import type { CodeStore, FunctionStore } from "../ports.ts";
import { tenantDefault } from "../tenants/tenants.ts";
import { checkCodeZip } from "./code-zip.ts";
import { nextVersion } from "./function-record.ts";
import type { StoredFunction } from "./function-record.ts";
import { isReplanOnly, parseName, parseSettings } from "./settings.ts";

export interface FunctionsOptions {
  readonly store: FunctionStore;
  readonly code: CodeStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

type SettingsMessage = tidepool.v1.FunctionSettings.$Properties | null | undefined;

export class Functions {
  private readonly store: FunctionStore;
  private readonly code: CodeStore;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(options: FunctionsOptions) {
    this.store = options.store;
    this.code = options.code;
    this.clock = options.clock;
    this.logger = options.logger.child({ part: "functions" });
  }

  /** @throws TidepoolError `notFound` */
  async get(name: string | undefined): Promise<StoredFunction> {
    const found = await this.store.find(parseName(name));
    if (found === undefined) throw new TidepoolError("notFound", `no function '${name}'`);
    return found;
  }

  list(): readonly StoredFunction[] {
    return this.store.list();
  }

  async create(name: string | undefined, given: SettingsMessage): Promise<StoredFunction> {
    const settings = parseSettings(name, given);
    const nowMs = this.clock.nowMs();
    return this.store.create({
      name: parseName(name),
      settings,
      version: "",
      codeDigest: "",
      codeBytes: 0,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      versionsGiven: 0,
      tenant: tenantDefault,
    });
  }

  async update(name: string | undefined, given: SettingsMessage): Promise<StoredFunction> {
    const settings = parseSettings(name, given);
    const current = await this.get(name);
    if (current.codeDigest !== "" && current.settings.handler !== settings.handler) {
      const zip = await this.code.get(current.codeDigest);
      if (zip !== undefined) await checkCodeZip(zip, settings.handler);
    }
    return this.store.change(current.name, (newest) => {
      const changed = { ...newest, settings, updatedAtMs: this.clock.nowMs() };
      // VMs of the version go on serving it when only what is planned for them changes.
      const isSameVersion = changed.codeDigest === "" || isReplanOnly(newest.settings, settings);
      return isSameVersion ? changed : nextVersion(changed);
    });
  }

  async upload(name: string, zip: Uint8Array): Promise<StoredFunction> {
    const current = await this.get(name);
    await checkCodeZip(zip, current.settings.handler);
    const codeDigest = `sha256:${createHash("sha256").update(zip).digest("hex")}`;
    await this.code.put(codeDigest, zip);
    const stored = await this.store.change(name, (newest) =>
      nextVersion({
        ...newest,
        codeDigest,
        codeBytes: zip.byteLength,
        updatedAtMs: this.clock.nowMs(),
      }),
    );
    // A delete that ran between the two writes may have removed the code as unused.
    await this.code.put(codeDigest, zip);
    await this.removeUnusedCode();
    return stored;
  }

  async remove(name: string | undefined): Promise<void> {
    const removed = await this.store.remove(parseName(name));
    await this.removeUnusedCode(removed.codeDigest);
  }

  /** A failure here only leaves code behind, which the next upload or delete removes. */
  private async removeUnusedCode(atOnce?: string): Promise<void> {
    try {
      const used = new Set(this.store.list().map((stored) => stored.codeDigest));
      const oldestAtMs = this.clock.nowMs() - unusedCodeKeepMs;
      for (const { digest, storedAtMs } of await this.code.list()) {
        if (used.has(digest)) continue;
        if (digest === atOnce || storedAtMs < oldestAtMs) await this.code.remove(digest);
      }
    } catch (error) {
      this.logger.warn("unused code not removed", { error });
    }
  }
}
