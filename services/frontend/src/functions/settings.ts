/** What an owner may decide about a function: defaults, limits, and all problems of one request in one error. */
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import {
  initTimeoutDefaultMs,
  keepAliveDefaultMs,
  memoryDefaultMib,
  timeoutDefaultMs,
} from "../limits.ts";
import type { AsyncSettings, FunctionUrl } from "./call-settings.ts";
import { parseProvisioned, parseRateLimit } from "./concurrency-settings.ts";
import type { Provisioned, RateLimit } from "./concurrency-settings.ts";
import { settingsProblems, shorten } from "./settings-problems.ts";

export interface Settings {
  readonly runtime: string;
  /** "file.export" */
  readonly handler: string;
  readonly memoryMib: number;
  readonly timeoutMs: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly description: string;
  readonly keepAliveMs: number;
  /** Unspecified: as its tenant has it. */
  readonly prediction: tidepool.v1.Prediction;
  /** Idle VM-seconds that one cold start is worth; 0: as its tenant has it. */
  readonly coldStartCost: number;
  readonly vcpuCount: number;
  readonly initTimeoutMs: number;
  readonly snapshotInit: boolean;
  readonly singleUse: boolean;
  /** Environment variable to the secret's name. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Absent: only the tenant's limit. */
  readonly reservedConcurrency?: number;
  readonly provisioned: Provisioned[];
  readonly rateLimit?: RateLimit;
  readonly async?: AsyncSettings;
  readonly url?: FunctionUrl;
  /** Unspecified: none. */
  readonly network: tidepool.v1.GuestNetwork;
}

/** @throws TidepoolError `invalid`, naming everything that is wrong and its limits */
export function parseSettings(
  name: string | undefined,
  given: tidepool.v1.FunctionSettings.$Properties | null | undefined,
): Settings {
  const settings: Settings = {
    runtime: given?.runtime ?? "",
    handler: given?.handler ?? "",
    memoryMib: given?.memoryMib || memoryDefaultMib,
    timeoutMs: given?.timeoutMs || timeoutDefaultMs,
    environment: { ...given?.environment },
    description: given?.description ?? "",
    keepAliveMs: given?.keepAliveMs || keepAliveDefaultMs,
    prediction: given?.prediction ?? tidepool.v1.Prediction.PREDICTION_UNSPECIFIED,
    coldStartCost: given?.coldStartCost ?? 0,
    vcpuCount: given?.vcpuCount || 1,
    initTimeoutMs: given?.initTimeoutMs || initTimeoutDefaultMs,
    snapshotInit: given?.snapshotInit ?? false,
    singleUse: given?.singleUse ?? false,
    network: given?.network ?? tidepool.v1.GuestNetwork.GUEST_NETWORK_UNSPECIFIED,
    secrets: { ...given?.secrets },
    tags: { ...given?.tags },
    provisioned: [...parseProvisioned(given?.provisioned)],
    ...parseOptional(given),
  };
  const problems = [...nameProblems(name ?? ""), ...settingsProblems(settings)];
  if (problems.length > 0) throw new TidepoolError("invalid", problems.join("; "));
  return settings;
}

function parseOptional(
  given: tidepool.v1.FunctionSettings.$Properties | null | undefined,
): Pick<Settings, "reservedConcurrency" | "rateLimit" | "async" | "url"> {
  const { reservedConcurrency, async, url } = given ?? {};
  const rateLimit = parseRateLimit(given?.rateLimit);
  return {
    ...(typeof reservedConcurrency === "number" ? { reservedConcurrency } : {}),
    ...(rateLimit === undefined ? {} : { rateLimit }),
    ...(async ? { async } : {}),
    ...(url ? { url } : {}),
  };
}

/** @throws TidepoolError `invalid` */
export function parseName(name: string | undefined): string {
  const [problem] = nameProblems(name ?? "");
  if (problem !== undefined) throw new TidepoolError("invalid", problem);
  return name ?? "";
}

function nameProblems(name: string): string[] {
  if (subjects.isToken(name)) return [];
  return [
    `function name '${shorten(name)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  ];
}
