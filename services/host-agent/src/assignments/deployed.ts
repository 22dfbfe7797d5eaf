/**
 * Which versions of each function calls go to, as its record says: the active one and those that aliases name.
 * A version that is replaced serves a moment longer, until the one that takes over has loaded; after that its
 * VMs go as soon as they are idle. One that is called by its number later has its VMs kept as ever.
 */
import { remember } from "./remember.ts";

/** Functions whose versions are remembered. */
export const deployedCountMax = 100_000;
/** VMs of a replaced version stay so long: longer than a frontend sends calls to them. */
export const takeoverMaxMs = 2_000;

export interface DeployedVersions {
  /** Empty when none is. */
  readonly active: string;
  readonly aliased: readonly string[];
}

/** `retired`: calls went to it until then. */
export type Standing =
  | { readonly kind: "unknown" | "live" | "deleted" }
  | { readonly kind: "retired"; readonly atMs: number };

interface Entry {
  readonly active: string;
  readonly live: readonly string[];
  /** When versions stopped being live; undefined while none has. */
  readonly retiredAtMs: ReadonlyMap<string, number> | undefined;
  readonly deletedAtMs: number;
  readonly isDeleted: boolean;
}

const nothing: Entry = {
  active: "",
  live: [],
  retiredAtMs: undefined,
  deletedAtMs: Number.NEGATIVE_INFINITY,
  isDeleted: false,
};

export class Deployed {
  private readonly entries = new Map<string, Entry>();

  /** @param versions undefined: the function was deleted */
  note(functionName: string, versions: DeployedVersions | undefined, nowMs: number): void {
    const before = this.entries.get(functionName) ?? nothing;
    const { deletedAtMs } = before;
    if (versions === undefined) {
      const entry = { ...nothing, deletedAtMs: nowMs, isDeleted: true };
      remember(this.entries, functionName, entry, deployedCountMax);
      return;
    }
    const { active, aliased } = versions;
    const live = [...new Set(active === "" ? aliased : [active, ...aliased])];
    const retiredAtMs = retiredAfter(before, live, nowMs);
    const entry = { active, live, retiredAtMs, deletedAtMs, isDeleted: false };
    remember(this.entries, functionName, entry, deployedCountMax);
  }

  /** Empty when none is known. */
  activeOf(functionName: string): string {
    return this.entries.get(functionName)?.active ?? "";
  }

  /** @param assignedAtMs of the VM in question: a function may have been deleted and made again since */
  standingOf(functionName: string, version: string, assignedAtMs: number): Standing {
    const entry = this.entries.get(functionName);
    if (entry === undefined) return { kind: "unknown" };
    if (entry.isDeleted || assignedAtMs <= entry.deletedAtMs) return { kind: "deleted" };
    if (entry.live.includes(version)) return { kind: "live" };
    const atMs = entry.retiredAtMs?.get(version);
    return atMs === undefined ? { kind: "unknown" } : { kind: "retired", atMs };
  }
}

function retiredAfter(
  before: Entry,
  live: readonly string[],
  nowMs: number,
): ReadonlyMap<string, number> | undefined {
  const gone = before.live.filter((version) => !live.includes(version));
  if (gone.length === 0 && before.retiredAtMs === undefined) return undefined;
  const retired = new Map(before.retiredAtMs);
  for (const version of live) retired.delete(version);
  for (const version of gone) remember(retired, version, nowMs, retiredCountMax);
  return retired.size === 0 ? undefined : retired;
}

/** Replaced versions remembered of one function. */
const retiredCountMax = 100;
