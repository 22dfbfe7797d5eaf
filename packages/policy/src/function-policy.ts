/**
 * The door that scheduler and simulator go through: how one function's calls become decisions. A policy is
 * pure, and its records are plain data. All policies keep the same record, so that a cluster can change from
 * one to the other and back without forgetting.
 */
import { TidepoolError } from "@tidepool/common";
import { FleetLearning } from "./model/fleet-learning.ts";
import { rememberCalls } from "./model/memory.ts";
import type { NetworkWeights } from "./model/network.ts";
import { shippedWeights } from "./model/weights.ts";
import { forgetPattern, remember } from "./periodicity/index.ts";
import {
  createRecord,
  decide,
  describe,
  functionDemand,
  nextWindow,
  noteArrival,
  notePrewarmed,
  type Decision,
  type Description,
  type ExpectedWindow,
  type FunctionRecord,
  type PlanFacts,
  type PlanPolicy,
  type Prewarm,
} from "./plan/index.ts";
import { LearnedPlan } from "./plan/learned.ts";
import type { FunctionDemand } from "./warming/index.ts";

export interface FunctionPolicy<Kept = FunctionRecord> {
  readonly name: string;
  createRecord(settings: PlanPolicy): Kept;
  /** `weight` calls arrived. Feed each arrival once, in the order of arrival. */
  noteArrival(record: Kept, settings: PlanPolicy, arrivalAtMs: number, weight?: number): Kept;
  /** The pre-warm of a decision was ordered: it is not to be decided again. */
  notePrewarmed(record: Kept, prewarm: Prewarm): Kept;
  /** Call after each arrival and again at `nextWakeAtMs`; nothing changes between the two. */
  decide(record: Kept, settings: PlanPolicy, facts: PlanFacts, nowMs: number): Decision;
  /** What the function asks of the generic pool. */
  functionDemand(
    record: Kept,
    settings: PlanPolicy,
    nowMs: number,
    /** For this record at this instant, where it is known already. */
    decided?: Decision,
  ): FunctionDemand;
  /** The same for the functions of one shard, and going on to learn from all of them. */
  onFleet?(): { readonly policy: FunctionPolicy<Kept>; readonly fleet: FleetLearning };
  /** The first of the windows that `describe` tells. */
  nextWindow(record: Kept, settings: PlanPolicy, nowMs: number): ExpectedWindow | undefined;
  /** For people, with the next `windowsMax` windows. */
  describe(record: Kept, settings: PlanPolicy, nowMs: number, windowsMax: number): Description;
}

/** Learns fixed periods, to the second, from the calls alone. */
const periodic: FunctionPolicy = {
  name: "periodic",
  createRecord,
  noteArrival,
  notePrewarmed,
  decide,
  functionDemand,
  nextWindow,
  describe,
};

/** The same, and where calls follow no fixed period, what a network makes of when they came. */
const learned = learnedPolicy("learned", shippedWeights);

/** The combined policy with weights of one's own. */
export function learnedPolicy(
  name: string,
  weights: () => NetworkWeights,
  learning?: FleetLearning,
): FunctionPolicy {
  let made: LearnedPlan | undefined;
  const plan = (): LearnedPlan => (made ??= new LearnedPlan(weights(), learning));
  return {
    name,
    onFleet: () => {
      const fleet = new FleetLearning(weights());
      return { policy: learnedPolicy(name, weights, fleet), fleet };
    },
    createRecord,
    notePrewarmed,
    noteArrival: (...given) => plan().noteArrival(...given),
    decide: (...given) => plan().decide(...given),
    functionDemand: (...given) => plan().functionDemand(...given),
    nextWindow: (...given) => plan().nextWindow(...given),
    describe: (...given) => plan().describe(...given),
  };
}

/** Keeps every VM for the keep-alive after each call, and expects nothing. */
const fixed: FunctionPolicy = {
  name: "fixed",
  createRecord,
  noteArrival: (record, _, arrivalAtMs, weight = 1) => ({
    ...record,
    history: remember(record.history, arrivalAtMs, weight),
    ...(record.slots === undefined
      ? {}
      : { slots: rememberCalls(record.slots, arrivalAtMs, weight) }),
  }),
  notePrewarmed: (record) => record,
  decide: (record, settings, facts, nowMs) =>
    decide(withoutPattern(record), settings, facts, nowMs),
  functionDemand: (record, settings, nowMs) =>
    functionDemand(withoutPattern(record), settings, nowMs),
  nextWindow: (record, settings, nowMs) => nextWindow(withoutPattern(record), settings, nowMs),
  describe: (record, settings, nowMs, windowsMax) =>
    describe(withoutPattern(record), settings, nowMs, windowsMax),
};

export const policies = { learned, periodic, fixed } as const satisfies Readonly<
  Record<string, FunctionPolicy>
>;
export type PolicyName = keyof typeof policies;
export const policyNames = Object.keys(policies) as readonly PolicyName[];

/** @throws TidepoolError `invalid` */
export function policyNamed(name: string): FunctionPolicy {
  const found = policyNames.find((known) => known === name);
  if (found === undefined) {
    const known = policyNames.join(", ");
    throw new TidepoolError("invalid", `no policy is named '${name}'; there are ${known}`);
  }
  return policies[found];
}

function withoutPattern({ history, preparedUntilMs, account }: FunctionRecord): FunctionRecord {
  return { history: forgetPattern(history), preparedUntilMs, account };
}
