/**
 * The options that say a function's settings, for `deploy` and `config` alike. What is not given stays as it was;
 * what can be taken away has a word for it: `none`, 0, or a --no-… of its own.
 */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { given } from "@tidepool/common";
import type { Destination, GuestNetwork, Prediction, ProvisionedConcurrency } from "@tidepool/sdk";
import { formatDuration, parseDuration } from "../project/duration.ts";
import {
  coldStartCostMax,
  integer,
  keyValue,
  milliseconds,
  number,
  predictionOption,
} from "./parts.ts";

/** Takes away what was set. */
export const none = "none";
export type None = typeof none;

type Pairs = Readonly<Record<string, string>>;

export interface SettingsOptions {
  readonly runtime?: string;
  readonly handler?: string;
  readonly memory?: number;
  readonly vcpus?: number;
  readonly timeout?: number;
  readonly initTimeout?: number;
  readonly keepAlive?: number;
  readonly snapshotInit?: boolean;
  readonly singleUse?: boolean;
  readonly network?: GuestNetwork;
  readonly prediction?: Prediction;
  readonly price?: number;
  /** Each of the three replaces all that there were; false: there are to be none. */
  readonly env?: Pairs | false;
  readonly secret?: Pairs | false;
  readonly tag?: Pairs | false;
  readonly description?: string;
  readonly reserved?: number | None;
  /** 0: no limit. */
  readonly rate?: number;
  readonly burst?: number;
  /** Replaces all that there were; a count of 0 alone: none. */
  readonly provisioned?: readonly ProvisionedConcurrency[];
  readonly asyncRetries?: number;
  readonly asyncMaxAge?: number;
  readonly onSuccess?: Destination | None;
  readonly onFailure?: Destination | None;
}

const dayMs = 86_400_000;

export function addSettingsOptions(command: Command): Command {
  return command
    .option("--runtime <name>", "nodejs20, python3.11 or provided (default: nodejs20)")
    .option("--handler <file.export>", "what is called (default: index.handler)")
    .option("--memory <mib>", "memory it may use, MiB (default: 128)", integer(1, 1_048_576))
    .option("--vcpus <n>", "virtual CPUs (default: 1)", integer(1, 4))
    .option(
      "--timeout <time>",
      "longest a call may run, as 30s; a bare number is ms (default: 30s)",
      milliseconds(1, dayMs),
    )
    .option(
      "--init-timeout <time>",
      "longest its init may take (default: 10s)",
      milliseconds(1, 120_000),
    )
    .option(
      "--keep-alive <time>",
      "how long its VM stays after an unpredicted call (default: 10m)",
      milliseconds(0, dayMs),
    )
    .option("--snapshot-init", "start it from a template taken after its init")
    .option("--no-snapshot-init", "run its init in each VM")
    .option("--single-use", "a new VM for every call")
    .option("--no-single-use", "a VM serves calls one after the other")
    .addOption(
      new Option(
        "--network <reach>",
        "what its VMs may reach: none or internet, where the operator allows it (default: none)",
      ).choices(["none", "internet"] satisfies GuestNetwork[]),
    )
    .addOption(predictionOption("the tenant's"))
    .option(
      "--price <vm-seconds>",
      "idle VM-seconds that one cold start is worth (default: the tenant's)",
      number(0, coldStartCostMax),
    )
    .option("--env <key=value>", "environment variable; repeat it, all are replaced", keyValue, {})
    .option("--no-env", "no environment variables")
    .option(
      "--secret <key=name>",
      "variable with a secret's value; repeat it, all are replaced",
      keyValue,
      {},
    )
    .option("--no-secret", "no secrets")
    .option("--tag <key=value>", "tag of the function; repeat it, all are replaced", keyValue, {})
    .option("--no-tag", "no tags")
    .option("--description <text>", "of the function and of this version")
    .option(
      "--reserved <calls>",
      "calls at once, kept free for it; 0 stops the function, none: the tenant's limit alone",
      orNone(integer(0, 100_000)),
    )
    .option("--rate <calls>", "calls a second; 0: no limit", number(0, 100_000))
    .option(
      "--burst <calls>",
      "calls at once after a pause, beside a rate (default: one second's)",
      integer(1, 100_000),
    )
    .option(
      "--provisioned <count>",
      "VMs that always wait, or in a window: '10 from 0 9 * * 1-5 for 8h in Europe/Berlin'; repeat it, all are replaced; 0: none",
      provisioned,
    )
    .option(
      "--async-retries <n>",
      "of accepted calls: tries after the first (default: 2)",
      integer(0, 10),
    )
    .option(
      "--async-max-age <time>",
      "of accepted calls: not begun when older (default: 6h)",
      milliseconds(1, dayMs),
    )
    .option(
      "--on-success <destination>",
      "who is told of accepted calls: function:NAME, subject:SUBJECT or none",
      orNone(destination),
    )
    .option(
      "--on-failure <destination>",
      "who is told when they fail for good",
      orNone(destination),
    );
}

/** The same text as `--provisioned` takes. */
export function describeProvisioned(windows: readonly ProvisionedConcurrency[]): string[] {
  return windows.map(({ count, fromCron, durationMs = 0, timeZone }) => {
    if (fromCron === undefined) return String(count);
    return `${count} from ${fromCron} for ${formatDuration(durationMs)}${timeZone ? ` in ${timeZone}` : ""}`;
  });
}

function provisioned(
  text: string,
  previous: readonly ProvisionedConcurrency[] = [],
): readonly ProvisionedConcurrency[] {
  const [, count = "", fromCron, length = "", timeZone] =
    /^(\d+)(?:\s+from\s+(.+?)\s+for\s+(\S+)(?:\s+in\s+(\S+))?)?$/.exec(text.trim()) ?? [];
  const durationMs = parseDuration(length);
  if (count === "" || (fromCron !== undefined && durationMs === undefined))
    throw new InvalidArgumentError(
      "a count is needed, or a window as '10 from 0 9 * * 1-5 for 8h in Europe/Berlin'",
    );
  if (Number(count) === 0) return previous;
  const window = {
    count: Number(count),
    ...(fromCron === undefined || durationMs === undefined ? {} : { fromCron, durationMs }),
    ...given({ timeZone }),
  };
  return [...previous, window];
}

function destination(text: string): Destination {
  const [, kind, name = ""] = /^(function|subject):(.+)$/.exec(text) ?? [];
  if (kind === "function") return { function: name };
  if (kind === "subject") return { subject: name };
  throw new InvalidArgumentError("function:NAME, subject:SUBJECT or none is needed");
}

function orNone<T>(parse: (text: string) => T): (text: string) => T | None {
  return (text) => (text === none ? none : parse(text));
}
