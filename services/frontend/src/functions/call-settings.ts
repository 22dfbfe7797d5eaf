/** How a function is called otherwise than by a waiting client: accepted calls, and its HTTP address. */
import { subjects } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { asyncAgeMaxMs, asyncRetriesMax, corsOriginsMax } from "../limits.ts";

export type AsyncSettings = tidepool.v1.AsyncSettings.$Properties;
export type FunctionUrl = tidepool.v1.FunctionUrl.$Properties;

/** All that a function can be called with; a setting may name fewer. */
export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const subjectMaxLength = 256;

export function asyncProblems(settings: AsyncSettings | undefined): string[] {
  if (settings === undefined) return [];
  const { retries, ageMaxMs, onSuccess, onFailure } = settings;
  const problems: string[] = [];
  if ((retries ?? 0) > asyncRetriesMax) {
    problems.push(`retries of ${retries} must be at most ${asyncRetriesMax}`);
  }
  if (!((ageMaxMs ?? 0) >= 0 && (ageMaxMs ?? 0) <= asyncAgeMaxMs)) {
    problems.push(`longest age of ${ageMaxMs} ms must be at most ${asyncAgeMaxMs} ms`);
  }
  return [
    ...problems,
    ...destinationProblems("success", onSuccess),
    ...destinationProblems("failure", onFailure),
  ];
}

function destinationProblems(
  of: string,
  destination: tidepool.v1.Destination.$Properties | null | undefined,
): string[] {
  const { function: name, subject } = destination ?? {};
  if (typeof name === "string" && !subjects.isToken(name)) {
    return [`destination on ${of}: '${name.slice(0, 80)}' is no name of a function`];
  }
  if (typeof subject !== "string") return [];
  const isSubject = /^[^\s.*>]+(\.[^\s.*>]+)*$/.test(subject) && subject.length <= subjectMaxLength;
  const isOurs = subject.startsWith("tidepool.") || /^[$_]/.test(subject);
  if (isSubject && !isOurs) return [];
  const shown = subject.slice(0, 80);
  return [
    `destination on ${of}: subject '${shown}' must have no blank, no wildcard, at most ${subjectMaxLength} characters, and not begin with 'tidepool.', '$' or '_'`,
  ];
}

export function urlProblems(url: FunctionUrl | undefined): string[] {
  if (url === undefined) return [];
  const { methods, corsOrigins, qualifier } = url;
  const problems = (methods ?? [])
    .filter((method) => !httpMethods.includes(method))
    .map((method) => `method '${method.slice(0, 80)}' is none of ${httpMethods.join(", ")}`);
  if ((corsOrigins ?? []).length > corsOriginsMax) {
    problems.push(`${corsOrigins?.length} origins are named, the limit is ${corsOriginsMax}`);
  }
  for (const origin of corsOrigins ?? []) {
    if (origin === "*" || /^https?:\/\/[^\s/]{1,250}$/.test(origin)) continue;
    problems.push(`origin '${origin.slice(0, 80)}' must be '*' or as in https://example.com`);
  }
  if (qualifier && !subjects.isName(qualifier)) {
    problems.push(`qualifier '${qualifier.slice(0, 80)}' is no version and no alias`);
  }
  return problems;
}
