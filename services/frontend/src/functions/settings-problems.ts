/** What is wrong with settings, each problem in words with its limit. */
import { subjects, tidepool } from "@tidepool/proto";
import {
  descriptionMaxBytes,
  environmentMaxBytes,
  initTimeoutMaxMs,
  keepAliveMaxMs,
  memoryMaxMib,
  memoryMinMib,
  secretsPerFunctionMax,
  tagNameMaxLength,
  tagsMaxCount,
  tagValueMaxLength,
  timeoutMaxMs,
  vcpuMaxCount,
} from "../limits.ts";
import { asyncProblems, urlProblems } from "./call-settings.ts";
import {
  concurrencyProblems,
  provisionedProblems,
  rateLimitProblems,
} from "./concurrency-settings.ts";
import { handlerProblem, runtimes } from "./handler.ts";
import { predictionProblems } from "./prediction.ts";
import type { Settings } from "./settings.ts";

export function settingsProblems(settings: Settings): string[] {
  const { prediction, coldStartCost } = settings;
  return [
    ...codeProblems(settings),
    ...sizeProblems(settings),
    ...predictionProblems(prediction, coldStartCost),
    ...environmentProblems(settings.environment),
    ...secretsProblems(settings),
    ...tagsProblems(settings.tags),
    ...concurrencyProblems("reserved", settings.reservedConcurrency),
    ...provisionedProblems(settings.provisioned),
    ...rateLimitProblems(settings.rateLimit),
    ...asyncProblems(settings.async),
    ...urlProblems(settings.url),
    ...networkProblems(settings),
  ];
}

function codeProblems({ runtime, handler }: Settings): string[] {
  const problems: string[] = [];
  if (!runtimes.some((known) => known === runtime)) {
    problems.push(`runtime '${shorten(runtime)}' is unknown, known are ${runtimes.join(", ")}`);
  }
  const fault = handlerProblem(runtime, handler);
  if (fault !== undefined) problems.push(`handler '${shorten(handler)}' ${fault}`);
  return problems;
}

function sizeProblems(settings: Settings): string[] {
  const { memoryMib, vcpuCount, timeoutMs, initTimeoutMs, keepAliveMs, description } = settings;
  const problems: string[] = [];
  if (memoryMib < memoryMinMib || memoryMib > memoryMaxMib) {
    problems.push(`memory of ${memoryMib} MiB must be ${memoryMinMib} to ${memoryMaxMib} MiB`);
  }
  if (vcpuCount > vcpuMaxCount) {
    problems.push(`${vcpuCount} virtual CPUs are asked for, must be 1 to ${vcpuMaxCount}`);
  }
  if (timeoutMs > timeoutMaxMs) {
    problems.push(`time limit of ${timeoutMs} ms must be 1 to ${timeoutMaxMs} ms`);
  }
  if (initTimeoutMs > initTimeoutMaxMs) {
    problems.push(`time limit of init of ${initTimeoutMs} ms must be 1 to ${initTimeoutMaxMs} ms`);
  }
  if (keepAliveMs > keepAliveMaxMs) {
    problems.push(`keep-alive of ${keepAliveMs} ms must be at most ${keepAliveMaxMs} ms`);
  }
  const descriptionBytes = Buffer.byteLength(description);
  if (descriptionBytes > descriptionMaxBytes) {
    problems.push(`description has ${descriptionBytes} bytes, the limit is ${descriptionMaxBytes}`);
  }
  return problems;
}

function environmentProblems(environment: Settings["environment"]): string[] {
  const problems: string[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(environment)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    problems.push(...variableProblems(name));
    if (value.includes("\0")) problems.push(`environment value of '${shorten(name)}' has a NUL`);
  }
  if (bytes > environmentMaxBytes) {
    problems.push(`environment has ${bytes} bytes, the limit is ${environmentMaxBytes}`);
  }
  return problems;
}

function secretsProblems({ secrets, environment, snapshotInit }: Settings): string[] {
  const named = Object.entries(secrets);
  const problems: string[] = [];
  for (const [variable, secret] of named) {
    problems.push(...variableProblems(variable));
    if (Object.hasOwn(environment, variable)) {
      problems.push(`'${shorten(variable)}' is set by the environment and by a secret`);
    }
    if (!subjects.isToken(secret)) {
      problems.push(
        `secret name '${shorten(secret)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
      );
    }
  }
  if (named.length > secretsPerFunctionMax) {
    problems.push(`${named.length} secrets are named, the limit is ${secretsPerFunctionMax}`);
  }
  // The memory of a template lies on a disk.
  if (snapshotInit && named.length > 0) {
    problems.push("a function whose init is snapshotted cannot have secrets");
  }
  return problems;
}

function networkProblems({ network, snapshotInit }: Settings): string[] {
  const { GUEST_NETWORK_NONE, GUEST_NETWORK_INTERNET } = tidepool.v1.GuestNetwork;
  if (network > GUEST_NETWORK_INTERNET) return [`network ${network} is unknown`];
  // All its VMs would go on with the same connections.
  return snapshotInit && network > GUEST_NETWORK_NONE
    ? ["a function whose init is snapshotted cannot have a network"]
    : [];
}

function variableProblems(name: string): string[] {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return [];
  return [
    `environment name '${shorten(name)}' must have letters, digits or '_' and start with no digit`,
  ];
}

function tagsProblems(tags: Settings["tags"]): string[] {
  const problems: string[] = [];
  const all = Object.entries(tags);
  if (all.length > tagsMaxCount) {
    problems.push(`${all.length} tags are given, the limit is ${tagsMaxCount}`);
  }
  for (const [name, value] of all) {
    if (name.length > tagNameMaxLength || !/^[\w.:/=+@-]+$/.test(name)) {
      problems.push(
        `tag name '${shorten(name)}' must have 1 to ${tagNameMaxLength} letters, digits or any of _.:/=+@-`,
      );
    }
    if (value.length > tagValueMaxLength) {
      problems.push(
        `tag '${shorten(name)}' has ${value.length} characters, the limit is ${tagValueMaxLength}`,
      );
    }
  }
  return problems;
}

/** Names in messages come from callers: long ones are cut. */
export function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
