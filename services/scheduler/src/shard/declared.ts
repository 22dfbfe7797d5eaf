/** Sees to the declared calls of a shard's functions: orders VMs for the next ones, and tells when to look again. */
import { leadMs } from "@tidepool/policy";
import type { Decision, Description, FunctionDemand, PlanPolicy } from "@tidepool/policy";
import type { FunctionVersion, Prediction } from "../ports.ts";
import type { Caps } from "./caps.ts";
import {
  declaredLeadMs,
  declaredPrewarm,
  describeDeclared,
  groupStarts,
  keptForDeclared,
  togetherMs,
  withDeclaredDemand,
} from "./declared-plan.ts";
import type { DeclaredGroup } from "./declared-plan.ts";
import type { FunctionState } from "./function-state.ts";
import { preparedWindow } from "./prewarmer.ts";
import type { Prewarmer } from "./prewarmer.ts";
import { windowsShownMax } from "./world.ts";
import type { ShardWorld } from "./world.ts";

export class Declared {
  private readonly world: ShardWorld;
  private readonly prewarmer: Prewarmer;
  private readonly caps: Caps;

  constructor(world: ShardWorld, prewarmer: Prewarmer, caps: Caps) {
    this.world = world;
    this.prewarmer = prewarmer;
    this.caps = caps;
  }

  /** Whether anything is declared, or was; what was ordered is then looked at anew. */
  concerns(name: string, state: FunctionState | undefined): boolean {
    const isKnown = state !== undefined && state.declaredUntilMs > 0;
    if (isKnown) state.declaredUntilMs = 1;
    return isKnown || this.nextStart(name, this.world.clock.nowMs()) !== undefined;
  }

  /** Orders what is due. @returns when to look again; undefined when nothing is declared */
  follow(
    state: FunctionState,
    settings: PlanPolicy,
    prediction: Prediction,
    nowMs: number,
  ): number | undefined {
    if (prediction === "off") return undefined;
    for (;;) {
      const groups = this.groupsAfter(state, nowMs);
      const [next] = groups;
      if (next === undefined) return undefined;
      const most = Math.max(...groups.map(({ count }) => count));
      const orderAtMs = next.atMs - declaredLeadMs(settings, most);
      if (nowMs < orderAtMs) return orderAtMs;
      for (const group of groups) this.order(state, group, settings, prediction === "on", nowMs);
      state.declaredUntilMs = next.atMs + togetherMs - 1;
    }
  }

  /** How long VMs stay where all calls of a function are declared. */
  keep(state: FunctionState, decision: Decision, settings: PlanPolicy, nowMs: number): Decision {
    const next = this.nextStart(state.name, nowMs);
    const isAlone = decision.degree === 0 && !isCalledOtherwise(state, settings, nowMs);
    if (!isAlone || (next === undefined && state.declaredUntilMs === 0)) return decision;
    return keptForDeclared(decision, settings, next, nowMs);
  }

  demand(state: FunctionState, asked: FunctionDemand, nowMs: number): FunctionDemand {
    const next = this.nextStart(state.name, nowMs);
    if (next === undefined) return asked;
    const groups = this.groupsAt(state.name, next);
    return withDeclaredDemand(asked, Math.max(...groups.map(({ count }) => count)));
  }

  /** For people, with the declared windows among the others. */
  describe(name: string, known: Description, nowMs: number): Description {
    const groups: DeclaredGroup[] = [];
    let next = this.nextStart(name, nowMs);
    while (next !== undefined && groups.length < windowsShownMax) {
      groups.push(...this.groupsAt(name, next));
      next = this.nextStart(name, next + togetherMs - 1);
    }
    return describeDeclared(known, groups.slice(0, windowsShownMax), windowsShownMax);
  }

  /** When VMs for the next of them are ordered. */
  orderAtMs(name: string, settings: PlanPolicy, nowMs: number): number | undefined {
    const next = this.nextStart(name, nowMs);
    if (next === undefined) return undefined;
    const counts = this.groupsAt(name, next).map(({ count }) => count);
    return next - declaredLeadMs(settings, Math.max(...counts));
  }

  private order(
    state: FunctionState,
    group: DeclaredGroup,
    settings: PlanPolicy,
    isOn: boolean,
    nowMs: number,
  ): void {
    const version = this.world.functionOf(state.name, group.qualifier);
    if (version === undefined) return;
    const prewarm = declaredPrewarm(
      group,
      settings,
      this.factsOf(state, version, settings, nowMs),
      nowMs,
    );
    const because = { degree: 1, forecast: { expectedAtMs: group.atMs } };
    if (isOn) {
      this.caps.take(version, prewarm, nowMs);
      this.prewarmer.start(state, version, prewarm, because);
    } else state.latestPrepared = preparedWindow(prewarm, because, true, nowMs);
  }

  private factsOf(
    state: FunctionState,
    { name, version }: FunctionVersion,
    settings: PlanPolicy,
    nowMs: number,
  ): Parameters<typeof declaredPrewarm>[2] {
    const { prepared } = state;
    return {
      idleVmCount: this.world.hosts.idleCount(name, version),
      waitingCount:
        prepared === undefined ? 0 : Math.max(0, prepared.window.count - prepared.usedCount),
      waitUntilMs: prepared?.releaseAtMs ?? 0,
      isCalledOtherwise: isCalledOtherwise(state, settings, nowMs),
    };
  }

  /** The next that begin together, of those that nothing was ordered for. */
  private groupsAfter(state: FunctionState, nowMs: number): readonly DeclaredGroup[] {
    const next = this.nextStart(state.name, Math.max(state.declaredUntilMs, nowMs));
    return next === undefined ? [] : this.groupsAt(state.name, next);
  }

  private groupsAt(name: string, atMs: number): readonly DeclaredGroup[] {
    const starts = this.world.declared?.startsWithin(name, atMs, atMs + togetherMs - 1) ?? [];
    return groupStarts(starts);
  }

  private nextStart(name: string, afterMs: number): number | undefined {
    return this.world.declared?.nextStart(name, afterMs);
  }
}

/** What is remembered of calls is of those that nobody declared. */
function isCalledOtherwise(state: FunctionState, settings: PlanPolicy, nowMs: number): boolean {
  const latest = state.record.history.ticks.at(-1);
  return latest !== undefined && nowMs - latest.atMs < settings.keepAliveMs + leadMs(settings);
}
