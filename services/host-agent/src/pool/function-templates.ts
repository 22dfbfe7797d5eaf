/**
 * Templates taken after a function's own init, for functions that declare it safe: made in the background when a
 * version is first assigned, one at a time; from then on its cold starts are clones that are loaded already. A
 * few, the ones used last, are kept; each holds on disk what its VM's memory has.
 */
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { remember } from "../assignments/remember.ts";
import type { CodeFile, OpenGuestSession } from "../guest/session.ts";
import type { Domain, Hypervisor, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { vmConfigOf } from "../hypervisor/vm-config.ts";
import { functionLoad } from "../vm/guest.ts";
import { handshakeMaxMs, hooksMaxMs } from "../vm/limits.ts";
import type { OwnedFunction } from "../vm/owned-function.ts";
import { within } from "../within.ts";
import { backOff, backoffNone } from "./backoff.ts";
import type { Backoff } from "./backoff.ts";

/** Kept at a time; the ones used longest ago go. */
export const functionTemplatesMaxCount = 8;
/** Versions that wait for one; the ones that have waited longest make room. */
export const wantedVersionsMaxCount = 100;
/** Versions of which is remembered that theirs could not be made. */
export const failedVersionsMaxCount = 1_000;

export interface FunctionTemplatesParts {
  readonly hypervisor: Hypervisor;
  readonly openSession: OpenGuestSession;
  readonly clock: Clock;
  readonly logger: Logger;
  ensureTemplate(config: VmConfig): Promise<Template>;
  codeFiles(digest: string, signal: AbortSignal): Promise<readonly CodeFile[]>;
  /** Whether the host can hold one VM more while it is made. */
  hasRoom(config: VmConfig): boolean;
  /** Whether calls may still go to a version that was there then; when not, its template is of no more use. */
  isLive(owned: OwnedFunction, sinceMs: number): boolean;
}

interface Entry {
  readonly owned: OwnedFunction;
  readonly template: Template;
  readonly madeAtMs: number;
}

export class FunctionTemplates {
  private readonly parts: FunctionTemplatesParts;
  /** In the order in which they were used. */
  private readonly entries = new Map<string, Entry>();
  private readonly wanted = new Map<string, OwnedFunction>();
  private readonly failures = new Map<string, Backoff>();
  private readonly stopped = new AbortController();
  private making: { readonly key: string; readonly done: Promise<void> } | undefined;

  constructor(parts: FunctionTemplatesParts) {
    this.parts = parts;
  }

  /** The template of this version; undefined while it has none. Begins to make one, when it may have one. */
  use(owned: OwnedFunction): Template | undefined {
    if (!owned.snapshotInit || owned.network !== undefined) return undefined;
    const key = keyOf(owned);
    const entry = this.entries.get(key);
    if (entry === undefined) {
      this.want(key, owned);
      return undefined;
    }
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.template;
  }

  /** To be called when clones of it fail: the next VM of its version is made the ordinary way. */
  doubt(template: Template): void {
    for (const [key, entry] of this.entries) {
      if (entry.template.id === template.id) this.drop(key, entry, "doubted");
    }
  }

  /** To be called now and then: lets those go that no call will ask for, and begins the next that is wanted. */
  tend(): void {
    for (const [key, entry] of this.entries) {
      if (!this.parts.isLive(entry.owned, entry.madeAtMs)) this.drop(key, entry, "replaced");
    }
    const { clock } = this.parts;
    if (this.making !== undefined) return;
    for (const [key, owned] of this.wanted) {
      const untilMs = this.failures.get(key)?.untilMs ?? 0;
      if (untilMs > clock.nowMs() || !this.parts.hasRoom(vmConfigOf(owned))) continue;
      this.wanted.delete(key);
      const done = this.make(key, owned).finally(() => {
        this.making = undefined;
      });
      this.making = { key, done };
      return;
    }
  }

  /** Resolves when nothing is being made. */
  async settled(): Promise<void> {
    await this.making?.done;
  }

  async stop(): Promise<void> {
    this.stopped.abort(new TidepoolError("unavailable", "the host-agent stops"));
    this.wanted.clear();
    await this.settled();
  }

  private want(key: string, owned: OwnedFunction): void {
    const isUnderWay = this.making?.key === key || this.stopped.signal.aborted;
    if (!isUnderWay) remember(this.wanted, key, owned, wantedVersionsMaxCount);
  }

  private async make(key: string, owned: OwnedFunction): Promise<void> {
    const { clock, hypervisor, logger } = this.parts;
    const named = { functionName: owned.name, version: owned.version };
    const { signal } = this.stopped;
    const fromMs = clock.nowMs();
    try {
      const files = await this.parts.codeFiles(owned.codeDigest, signal);
      const base = await this.parts.ensureTemplate(vmConfigOf(owned));
      const prepare = (domain: Domain): Promise<void> => this.prepare(domain, base, owned, files);
      const template = await hypervisor.functionTemplates.make(base, prepare, { signal });
      this.failures.delete(key);
      this.entries.set(key, { owned, template, madeAtMs: clock.nowMs() });
      logger.info("template of a function made", { ...named, ms: clock.nowMs() - fromMs });
      this.makeRoom();
    } catch (error) {
      if (signal.aborted) return;
      const before = this.failures.get(key) ?? backoffNone;
      remember(this.failures, key, backOff(before, clock.nowMs()), failedVersionsMaxCount);
      logger.warn("template of a function not made", { ...named, error: messageOf(error) });
    }
  }

  private async prepare(
    domain: Domain,
    base: Template,
    owned: OwnedFunction,
    files: readonly CodeFile[],
  ): Promise<void> {
    const session = this.parts.openSession(domain);
    const late = (what: string, ms: number) => () =>
      new TidepoolError("unavailable", `${what} of ${owned.name} took longer than ${ms} ms`);
    const { signal: stopped } = this.stopped;
    await within(
      handshakeMaxMs,
      late("the greeting", handshakeMaxMs),
      (signal) => session.handshake(base, { signal }),
      stopped,
    );
    await within(
      owned.initTimeoutMs,
      late("init", owned.initTimeoutMs),
      (signal) => session.load(functionLoad(owned, files), { signal }),
      stopped,
    );
    await within(
      hooksMaxMs,
      late("the hooks before the snapshot", hooksMaxMs),
      (signal) => session.beforeSnapshot({ signal }),
      stopped,
    );
  }

  private makeRoom(): void {
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= functionTemplatesMaxCount) return;
      this.drop(key, entry, "evicted");
    }
  }

  private drop(key: string, { owned, template }: Entry, reason: string): void {
    const { hypervisor, logger } = this.parts;
    this.entries.delete(key);
    logger.info("template of a function dropped", {
      functionName: owned.name,
      version: owned.version,
      reason,
    });
    hypervisor.functionTemplates.remove(template).catch((error: unknown) => {
      logger.warn("template of a function not removed", { error: messageOf(error) });
    });
  }
}

/** A function that is deleted and made again counts its versions from one. */
function keyOf(owned: OwnedFunction): string {
  return [owned.name, owned.version, owned.codeDigest, owned.runtime, owned.memoryMib].join("/");
}
