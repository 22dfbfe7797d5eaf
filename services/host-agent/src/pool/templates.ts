/**
 * The templates that clones are made of. One that cannot be made is not tried again at once: until its
 * time has come every caller gets the last error.
 */
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import type { Hypervisor, Template, VmConfig } from "../hypervisor/hypervisor.ts";
import { configKey } from "../hypervisor/vm-config.ts";
import { backOff, backoffNone } from "./backoff.ts";
import type { Backoff } from "./backoff.ts";

interface Entry {
  making: Promise<Template> | undefined;
  isMade: boolean;
  backoff: Backoff;
  error: TidepoolError | undefined;
}

export class Templates {
  private readonly hypervisor: Hypervisor;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly entries = new Map<string, Entry>();

  constructor(hypervisor: Hypervisor, clock: Clock, logger: Logger) {
    this.hypervisor = hypervisor;
    this.clock = clock;
    this.logger = logger;
  }

  /** @throws TidepoolError what making it failed with; while it backs off, the same again */
  ensure(config: VmConfig): Promise<Template> {
    const entry = this.entryOf(config);
    if (entry.making !== undefined) return entry.making;
    const { error } = entry;
    if (error !== undefined && entry.backoff.untilMs > this.clock.nowMs()) {
      return Promise.reject(error);
    }
    entry.making = this.make(config, entry);
    return entry.making;
  }

  /** To be called when clones of it fail: the next ensure() confirms it with the hypervisor. */
  doubt(config: VmConfig): void {
    const entry = this.entryOf(config);
    if (entry.error === undefined) entry.making = undefined;
  }

  /** Whether it has been made, or confirmed, and nothing was said against it since. */
  has(config: VmConfig): boolean {
    const { isMade, making } = this.entryOf(config);
    return isMade && making !== undefined;
  }

  /** Why a config has no template; undefined when it has one, or none was asked for. */
  problemOf(
    config: VmConfig,
  ): { readonly error: TidepoolError; readonly untilMs: number } | undefined {
    const { error, backoff } = this.entryOf(config);
    return error === undefined ? undefined : { error, untilMs: backoff.untilMs };
  }

  private entryOf(config: VmConfig): Entry {
    const key = configKey(config);
    const known = this.entries.get(key);
    if (known !== undefined) return known;
    const entry: Entry = {
      making: undefined,
      isMade: false,
      backoff: backoffNone,
      error: undefined,
    };
    this.entries.set(key, entry);
    return entry;
  }

  private async make(config: VmConfig, entry: Entry): Promise<Template> {
    const name = configKey(config);
    try {
      const template = await this.hypervisor.ensureTemplate(config, {
        onProgress: (step) => this.logger.info("template", { template: name, step }),
      });
      entry.backoff = backoffNone;
      entry.error = undefined;
      entry.isMade = true;
      return template;
    } catch (thrown) {
      const cause = TidepoolError.from(thrown, "unavailable");
      const error = new TidepoolError(cause.code, `template ${name}: ${messageOf(cause)}`, {
        cause,
      });
      entry.making = undefined;
      entry.isMade = false;
      entry.backoff = backOff(entry.backoff, this.clock.nowMs());
      entry.error = error;
      this.logger.error("template failed", {
        template: name,
        nextAttemptInMs: entry.backoff.untilMs - this.clock.nowMs(),
        error,
      });
      throw error;
    }
  }
}
