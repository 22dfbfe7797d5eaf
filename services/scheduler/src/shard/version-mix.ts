/**
 * Which versions of a function its latest calls asked for and ran. A function whose calls name no version and
 * that never got another one, which are nearly all, needs none of this.
 */
import type { Arrival } from "../ports.ts";
import type { FunctionState } from "./function-state.ts";

export interface VersionMix {
  /** Of the latest calls, as their callers gave them, oldest first; at most qualifiersKeptMax. */
  readonly qualifiers: readonly string[];
  /** When versions other than that of the latest call were called last; at most versionsKeptMax. */
  readonly calledAtMs: ReadonlyMap<string, number>;
}

/** A change of what most calls ask for is followed within half as many calls. */
export const qualifiersKeptMax = 16;
const versionsKeptMax = 8;

const nothing: VersionMix = { qualifiers: [], calledAtMs: new Map() };

/** A call came. To be told before the function learns from it. */
export function noteVersion(
  state: Pick<FunctionState, "mix" | "calledVersion" | "calledAtMs">,
  { version, qualifier, atMs }: Arrival,
): void {
  const { mix, calledVersion, calledAtMs } = state;
  const isOther = calledVersion !== "" && calledVersion !== version;
  if (qualifier !== "" || mix !== undefined || isOther) {
    const before = mix ?? nothing;
    state.mix = {
      qualifiers: [...before.qualifiers.slice(1 - qualifiersKeptMax), qualifier],
      calledAtMs: isOther
        ? withCall(before.calledAtMs, calledVersion, calledAtMs)
        : before.calledAtMs,
    };
  }
  state.calledVersion = version;
  state.calledAtMs = atMs;
}

/** As it was when most calls asked for this, for an owner that has not seen them. */
export function mixOf(qualifier: string): VersionMix | undefined {
  return qualifier === "" ? undefined : { ...nothing, qualifiers: [qualifier] };
}

/** When a version was called last, as far as is known. */
export function calledAtMsOf(
  { mix, calledVersion, calledAtMs }: Pick<FunctionState, "mix" | "calledVersion" | "calledAtMs">,
  version: string,
): number | undefined {
  return version === calledVersion ? calledAtMs : mix?.calledAtMs.get(version);
}

/** What most of the latest calls asked for, the later of equals; empty for the active version. */
export function mostAskedFor(mix: VersionMix | undefined): string {
  if (mix === undefined) return "";
  const counts = new Map<string, number>();
  let most = "";
  for (const qualifier of mix.qualifiers) {
    const count = (counts.get(qualifier) ?? 0) + 1;
    counts.set(qualifier, count);
    if (count >= (counts.get(most) ?? 0)) most = qualifier;
  }
  return most;
}

function withCall(
  calls: ReadonlyMap<string, number>,
  version: string,
  atMs: number,
): ReadonlyMap<string, number> {
  const next = new Map(calls);
  next.delete(version);
  next.set(version, atMs);
  for (const oldest of next.keys()) {
    if (next.size <= versionsKeptMax) break;
    next.delete(oldest);
  }
  return next;
}
