/** What a chaos run is to do, from its command line. Anything it does not know is refused, with what it knows. */
import { parseArgs } from "node:util";
import { TidepoolError } from "@tidepool/common";
import { killKinds } from "./chaos.ts";
import type { KillKind } from "./chaos.ts";
import { cutKinds } from "./partitions.ts";
import type { CutKind } from "./partitions.ts";

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly callsPerSecond: number;
  readonly everyMs: number;
  readonly kinds: readonly KillKind[];
  readonly isPeriodic: boolean;
  readonly isRolling: boolean;
  readonly cuts: readonly CutKind[];
  readonly isKillingInCuts: boolean;
  readonly clocksApartMs: number;
  readonly hypervisor: "qemu" | "simulated";
  readonly logsTo: string | undefined;
}

const hypervisors = ["simulated", "qemu"] as const;

export const help = `Usage: node --import tsx --conditions=source test/src/cluster/chaos-run.ts [options]

Starts a cluster in network namespaces, calls functions, does something to it, and prints what that cost. Needs root and a
build. The exit code is 1 when more was lost than is promised.

Kills, unless told otherwise:
  --seconds N        for so long (60)
  --every N          seconds between two, on average (25)
  --kinds LIST       in turn (${killKinds.join(",")}); which one of a kind is drawn
  --seed N           draws which, and when (1)
Instead of kills:
  --rolling          every process is restarted once, in the order of docs/operations.md
  --cuts LIST        links are cut for 8 s each, in turn: ${cutKinds.join(", ")}
  --kill-in-cuts     with --cuts: in the middle of each, one of --kinds is killed too
Calls and cluster:
  --rate N           calls a second, half of them accepted ones (50)
  --periodic         functions called at fixed periods too, and whether they are predicted
  --apart MS         machines' clocks are so far apart (0)
  --hypervisor NAME  ${hypervisors.join(" or ")} (${hypervisors[0]})
  --logs DIR         keeps what the processes logged
  --help`;

/** @throws TidepoolError `invalid`. Undefined: help is asked for. */
export function chaosOptions(args: readonly string[]): ChaosOptions | undefined {
  const values = parsed(args);
  if (values.help) return undefined;
  const cuts = values.cuts === undefined ? [] : listOf("cuts", values.cuts, cutKinds);
  if (values.rolling && cuts.length > 0) throw invalid("--rolling and --cuts exclude each other");
  const isKillingInCuts = values["kill-in-cuts"];
  if (isKillingInCuts && cuts.length === 0) throw invalid("--kill-in-cuts is for --cuts");
  return {
    seconds: numberOf("seconds", values.seconds, 1),
    seed: numberOf("seed", values.seed, 0),
    callsPerSecond: numberOf("rate", values.rate, 1),
    everyMs: numberOf("every", values.every, 1) * 1_000,
    kinds: values.kinds === undefined ? killKinds : listOf("kinds", values.kinds, killKinds),
    isPeriodic: values.periodic,
    isRolling: values.rolling,
    cuts,
    isKillingInCuts,
    clocksApartMs: numberOf("apart", values.apart, 0),
    hypervisor: listOf("hypervisor", values.hypervisor, hypervisors)[0] ?? hypervisors[0],
    logsTo: values.logs,
  };
}

function parsed(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: "string", default: "60" },
        seed: { type: "string", default: "1" },
        rate: { type: "string", default: "50" },
        every: { type: "string", default: "25" },
        kinds: { type: "string" },
        periodic: { type: "boolean", default: false },
        rolling: { type: "boolean", default: false },
        cuts: { type: "string" },
        "kill-in-cuts": { type: "boolean", default: false },
        apart: { type: "string", default: "0" },
        hypervisor: { type: "string", default: hypervisors[0] },
        logs: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    return values;
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < min)
    throw invalid(`--${name} must be a number from ${min} on, got '${text}'`);
  return value;
}

function listOf<T extends string>(name: string, text: string, known: readonly T[]): readonly T[] {
  return text.split(",").map((part) => {
    const found = known.find((each) => each === part.trim());
    if (found === undefined)
      throw invalid(`--${name} knows ${known.join(", ")}, and not '${part.trim()}'`);
    return found;
  });
}

function invalid(message: string): TidepoolError {
  return new TidepoolError("invalid", message);
}
