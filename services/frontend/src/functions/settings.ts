/** What an owner may decide about a function: defaults, limits, and all problems of one request in one error. */
import { isDeepStrictEqual } from "node:util";
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import {
  descriptionMaxBytes,
  environmentMaxBytes,
  handlerMaxBytes,
  keepAliveDefaultMs,
  keepAliveMaxMs,
  memoryDefaultMib,
  memoryMaxMib,
  memoryMinMib,
  timeoutDefaultMs,
  timeoutMaxMs,
} from "../limits.ts";
import { predictionProblems } from "./prediction.ts";

export const runtimes = ["nodejs20"] as const;

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
  };
  const problems = [...nameProblems(name ?? ""), ...settingsProblems(settings)];
  if (problems.length > 0) throw new TidepoolError("invalid", problems.join("; "));
  return settings;
}

/** @throws TidepoolError `invalid` */
export function parseName(name: string | undefined): string {
  const [problem] = nameProblems(name ?? "");
  if (problem !== undefined) throw new TidepoolError("invalid", problem);
  return name ?? "";
}

/** The file of a handler without its ending, and the name that it exports. */
export function splitHandler(handler: string): {
  readonly file: string;
  readonly exported: string;
} {
  const dot = handler.lastIndexOf(".");
  return { file: handler.slice(0, dot), exported: handler.slice(dot + 1) };
}

function nameProblems(name: string): string[] {
  if (subjects.isToken(name)) return [];
  return [
    `function name '${shorten(name)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  ];
}

function settingsProblems(settings: Settings): string[] {
  const { runtime, handler, memoryMib, timeoutMs, keepAliveMs, description } = settings;
  const problems: string[] = [];
  if (!runtimes.some((known) => known === runtime)) {
    problems.push(`runtime '${shorten(runtime)}' is unknown, known are ${runtimes.join(", ")}`);
  }
  if (!isHandler(handler)) {
    problems.push(`handler '${shorten(handler)}' must be file.export, as in index.handler`);
  }
  if (memoryMib < memoryMinMib || memoryMib > memoryMaxMib) {
    problems.push(`memory of ${memoryMib} MiB must be ${memoryMinMib} to ${memoryMaxMib} MiB`);
  }
  if (timeoutMs > timeoutMaxMs) {
    problems.push(`time limit of ${timeoutMs} ms must be 1 to ${timeoutMaxMs} ms`);
  }
  if (keepAliveMs > keepAliveMaxMs) {
    problems.push(`keep-alive of ${keepAliveMs} ms must be at most ${keepAliveMaxMs} ms`);
  }
  if (Buffer.byteLength(description) > descriptionMaxBytes) {
    problems.push(
      `description has ${Buffer.byteLength(description)} bytes, the limit is ${descriptionMaxBytes}`,
    );
  }
  problems.push(...predictionProblems(settings.prediction, settings.coldStartCost));
  return [...problems, ...environmentProblems(settings.environment)];
}

/** Whether the two differ in what is planned for the function, and in nothing that its VMs were made with. */
export function isReplanOnly(before: Settings, after: Settings): boolean {
  const { prediction, coldStartCost } = before;
  if (after.prediction === prediction && after.coldStartCost === coldStartCost) return false;
  return isDeepStrictEqual({ ...after, prediction, coldStartCost }, before);
}

function environmentProblems(environment: Settings["environment"]): string[] {
  const problems: string[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(environment)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      problems.push(
        `environment name '${shorten(name)}' must have letters, digits or '_' and start with no digit`,
      );
    }
    if (value.includes("\0")) problems.push(`environment value of '${shorten(name)}' has a NUL`);
  }
  if (bytes > environmentMaxBytes) {
    problems.push(`environment has ${bytes} bytes, the limit is ${environmentMaxBytes}`);
  }
  return problems;
}

function isHandler(handler: string): boolean {
  if (Buffer.byteLength(handler) > handlerMaxBytes) return false;
  if (!/^[\w$./@-]+\.[A-Za-z_$][\w$]*$/.test(handler)) return false;
  const parts = splitHandler(handler).file.split("/");
  return parts.every((part) => part !== "" && part !== "." && part !== "..");
}

/** Names in messages come from callers: long ones are cut. */
function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
