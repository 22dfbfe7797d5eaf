/**
 * One piece of a contest's work: one policy over some of the functions. Plain data both ways, so that it can be
 * done in another process.
 */
import {
  coldSlots,
  planPolicyDefault,
  policies,
  policyOnSlots,
  priceKnobs,
  settingsAtPrice,
} from "@tidepool/policy";
import { scoreSlots, simulatePart } from "@tidepool/policy";
import type { SimulationPart, SlotPolicy, SlotScores, Workload } from "@tidepool/policy";

export const policyChoices = ["fixed", "learned", "hybrid", "fft", "clairvoyant"] as const;
export type PolicyChoice = (typeof policyChoices)[number];

interface CommonTask {
  readonly part: Workload;
  readonly scoreFromSlot: number;
  readonly priceS: number;
}
/** Every setting of a policy in slots. */
export interface ScoreTask extends CommonTask {
  readonly kind: "score";
  readonly choice: PolicyChoice;
}
/** One setting of it, and where it is cold. */
export interface ColdTask extends CommonTask {
  readonly kind: "cold";
  readonly choice: PolicyChoice;
  readonly knob: number;
}
/** One setting to the second. */
export interface SecondsTask extends CommonTask {
  readonly kind: "seconds";
  readonly policy: "fixed" | "learned";
}
export type Task = ScoreTask | ColdTask | SecondsTask;

export interface TaskResults {
  readonly score: SlotScores;
  readonly cold: number[][];
  readonly seconds: SimulationPart;
}

const callMs = 100;

export async function runTask(task: Task): Promise<TaskResults[Task["kind"]]> {
  const { part, scoreFromSlot, priceS } = task;
  switch (task.kind) {
    case "score":
      return scoreSlots(part, await slotPolicy(task.choice, priceS), scoreFromSlot);
    case "cold":
      return coldSlots(part, await slotPolicy(task.choice, priceS), task.knob, scoreFromSlot);
    case "seconds":
      return simulatePart(part, {
        policy: policies[task.policy],
        settings: settingsAtPrice(priceS),
        prepareMs: planPolicyDefault.prepareP95Ms,
        callMs,
        scoreFromSlot,
      });
    default:
      return task satisfies never;
  }
}

async function slotPolicy(choice: PolicyChoice, priceS: number): Promise<SlotPolicy> {
  const rivals = await import("@tidepool/bench/rivals");
  switch (choice) {
    case "fixed":
      return rivals.keepAlive;
    case "learned":
      return policyOnSlots("tidepool", policies.learned, priceKnobs([priceS]));
    case "hybrid":
      return rivals.hybridHistogram;
    case "fft":
      return rivals.fourier;
    case "clairvoyant":
      return rivals.clairvoyant;
    default:
      return choice satisfies never;
  }
}
