/**
 * What declared calls ask for: they come, and then. So degree and price are not asked: as many VMs are ready as
 * ticks begin, a little before, and when no other is near they go after their call.
 */
import { leadMs, marginMs } from "@tidepool/policy";
import type { Decision, Description, FunctionDemand, PlanPolicy, Prewarm } from "@tidepool/policy";
import type { DeclaredStart } from "../ports.ts";

/** Ticks of one function, for one qualifier, that begin together. */
export interface DeclaredGroup {
  readonly atMs: number;
  readonly count: number;
  readonly qualifier: string;
  readonly schedules: readonly string[];
}

/** Ticks that begin within this time begin together. */
export const togetherMs = 500;
/** A tick's call may come so late: a frontend accepts it, and begins it when it is its turn. */
export const callLateMaxMs = 10_000;
/** Preparing never begins earlier than this. */
export const leadMaxMs = 60_000;
/** VMs that hosts prepare at a time: a crowd takes longer than one. */
const preparedAtOnce = 4;
/** A VM stays for the next tick where that is no further away. */
const gapKeptMs = 60_000;
/** Schedules that are named in words. */
const namedMax = 3;

/** @param starts soonest first */
export function groupStarts(starts: readonly DeclaredStart[]): readonly DeclaredGroup[] {
  const groups: { atMs: number; count: number; qualifier: string; schedules: string[] }[] = [];
  for (const { atMs, qualifier, schedule } of starts) {
    const open = groups.find(
      (group) => group.qualifier === qualifier && atMs - group.atMs < togetherMs,
    );
    if (open === undefined) groups.push({ atMs, count: 1, qualifier, schedules: [schedule] });
    else {
      open.count += 1;
      open.schedules.push(schedule);
    }
  }
  return groups;
}

/** From the order of VMs for a group to its start. */
export function declaredLeadMs(settings: PlanPolicy, count: number): number {
  const turns = Math.ceil(count / preparedAtOnce) - 1;
  return Math.min(leadMaxMs, 1.5 * leadMs(settings) + turns * settings.prepareP95Ms);
}

export interface DeclaredFacts {
  /** VMs of the version that hold its code and run nothing. */
  readonly idleVmCount: number;
  /** Of those, VMs that wait for other calls, and until when. */
  readonly waitingCount: number;
  readonly waitUntilMs: number;
  /** Calls that nobody declared have come lately: they may take an idle VM first. */
  readonly isCalledOtherwise: boolean;
}

export function declaredPrewarm(
  group: DeclaredGroup,
  settings: PlanPolicy,
  facts: DeclaredFacts,
  nowMs: number,
): Prewarm {
  const margin = marginMs(settings);
  const { atMs, count } = group;
  const free = Math.max(0, facts.idleVmCount - facts.waitingCount);
  return {
    startAtMs: Math.max(nowMs, atMs - declaredLeadMs(settings, count)),
    readyByMs: atMs - margin,
    count: count + facts.waitingCount,
    orderCount: facts.isCalledOtherwise ? count : Math.max(0, count - free),
    windowStartAtMs: atMs,
    windowEndAtMs: atMs + callLateMaxMs,
    releaseAtMs: Math.max(atMs + callLateMaxMs + margin, facts.waitUntilMs),
  };
}

/**
 * How long a VM stays after a call of a function whose calls are all declared: until the next if that is near, else
 * a moment. Where nothing is declared, or other calls come too, what was decided of those stands.
 */
export function keptForDeclared(
  decision: Decision,
  settings: PlanPolicy,
  next: number | undefined,
  nowMs: number,
): Decision {
  const { readyByMs, releaseAtMs } = { readyByMs: nowMs, releaseAtMs: nowMs + marginMs(settings) };
  const isNear = next !== undefined && next - readyByMs <= gapKeptMs;
  const keepUntilMs = isNear ? next + callLateMaxMs + marginMs(settings) : releaseAtMs;
  return { ...decision, degree: 1, keepUntilMs };
}

/** Declared calls need VMs, and no pool need wait for them. */
export function withDeclaredDemand(asked: FunctionDemand, declaredCount: number): FunctionDemand {
  if (declaredCount === 0) return asked;
  const count = asked.count + declaredCount;
  const uncovered = asked.count * (1 - asked.degree * asked.coverage);
  return { count, degree: 1 - uncovered / count, coverage: 1 };
}

/** For people: the declared windows among those that were learned, and who declared them. */
export function describeDeclared(
  known: Description,
  groups: readonly DeclaredGroup[],
  windowsMax: number,
): Description {
  if (groups.length === 0) return known;
  const declared = groups.map(({ atMs, count }) => ({
    startAtMs: atMs,
    endAtMs: atMs + callLateMaxMs,
    expectedAtMs: atMs,
    count,
    degree: 1,
  }));
  const windows = [...declared, ...known.windows]
    .sort((a, b) => a.startAtMs - b.startAtMs)
    .slice(0, windowsMax);
  return { ...known, degree: 1, windows, evidence: [...groups.map(inWords), ...known.evidence] };
}

function inWords({ atMs, schedules, count }: DeclaredGroup): string {
  const names = [...new Set(schedules)];
  const more = names.length > namedMax ? ` and ${names.length - namedMax} more` : "";
  const whose = `${names.length === 1 ? "schedule" : "schedules"} ${names.slice(0, namedMax).join(", ")}${more}`;
  const calls = count === 1 ? "a call" : `${count} calls`;
  return `${calls} at ${new Date(atMs).toISOString()}, declared by ${whose}`;
}
