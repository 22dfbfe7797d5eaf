/**
 * Versions that are taking over. While the new one loads, idle VMs of the one before serve its calls; as soon
 * as one VM of the new version is idle, or switchMaxMs have passed, calls go to the new one and never back.
 */
import type { StoredFunction } from "../functions/function-record.ts";
import { switchMaxMs } from "../limits.ts";
import type { VmTable } from "./vm-table.ts";

export interface VersionSwitchesOptions {
  readonly table: Pick<VmTable, "hasIdle">;
  /** The function in the version that a call goes to; undefined when that version is not known here. */
  readonly resolve: (
    stored: StoredFunction,
    qualifier: string,
    requestId: string,
  ) => StoredFunction | undefined;
}

interface Switch {
  readonly before: StoredFunction;
  readonly untilMs: number;
  /** New versions that had an idle VM. */
  readonly ready: Set<string>;
}

export class VersionSwitches {
  private readonly options: VersionSwitchesOptions;
  /** By function and qualifier, oldest first. */
  private readonly open = new Map<string, Switch>();

  constructor(options: VersionSwitchesOptions) {
    this.options = options;
  }

  /** To be called when a function's record has changed. */
  changed(
    before: StoredFunction | undefined,
    after: StoredFunction | undefined,
    nowMs: number,
  ): void {
    if (before === undefined || after === undefined) return;
    for (const [key, { untilMs }] of this.open) {
      if (untilMs > nowMs) break;
      this.open.delete(key);
    }
    for (const qualifier of switched(before, after)) {
      const key = keyOf(after.name, qualifier);
      this.open.delete(key);
      this.open.set(key, { before, untilMs: nowMs + switchMaxMs, ready: new Set() });
    }
  }

  /** The version that is to serve a call in place of `target`, which takes over from it. */
  former(
    target: StoredFunction,
    qualifier: string,
    requestId: string,
    nowMs: number,
  ): StoredFunction | undefined {
    const { name, version } = target;
    const found = this.open.get(keyOf(name, qualifier));
    if (found === undefined || nowMs >= found.untilMs || found.ready.has(version)) return undefined;
    const { table, resolve } = this.options;
    if (table.hasIdle(name, version)) {
      found.ready.add(version);
      return undefined;
    }
    const former = resolve(found.before, qualifier, requestId);
    if (former === undefined || former.version === version) return undefined;
    return table.hasIdle(name, former.version) ? former : undefined;
  }
}

/** Qualifiers whose calls go elsewhere than before; "" for calls without one. */
function switched(before: StoredFunction, after: StoredFunction): string[] {
  const qualifiers = before.version !== "" && before.version !== after.version ? [""] : [];
  for (const alias of after.aliases) {
    const was = before.aliases.find(({ name }) => name === alias.name);
    if (was !== undefined && was.revision !== alias.revision) qualifiers.push(alias.name);
  }
  return qualifiers;
}

/** Names and qualifiers have no ":". */
function keyOf(name: string, qualifier: string): string {
  return `${name}:${qualifier}`;
}
