/**
 * Reads configuration from the environment once, in a service's main. Every problem is reported in one
 * error; nothing else in the code looks at process.env.
 */
import { TidepoolError } from "./error.ts";

export interface ConfigReader {
  text(name: string, fallback: string): string;
  optional(name: string): string | undefined;
  integer(name: string, fallback: number, limits: { min: number; max: number }): number;
  oneOf<const T extends string>(name: string, fallback: T, allowed: readonly T[]): T;
  flag(name: string, fallback: boolean): boolean;
  problem(text: string): void;
}

/** @throws TidepoolError `invalid`, naming every variable that is wrong and its limits */
export function readEnvironment<T extends object>(
  env: NodeJS.ProcessEnv,
  read: (reader: ConfigReader) => T,
): Readonly<T> {
  const problems: string[] = [];
  const config = read({
    text: (name, fallback) => env[name] ?? fallback,
    optional: (name) => env[name],
    integer(name, fallback, { min, max }) {
      const given = env[name];
      if (given === undefined) return fallback;
      const value = Number(given);
      if (given.trim() !== "" && Number.isInteger(value) && value >= min && value <= max)
        return value;
      problems.push(`${name} must be an integer from ${min} to ${max}, got '${given}'`);
      return fallback;
    },
    oneOf(name, fallback, allowed) {
      const given = env[name];
      if (given === undefined) return fallback;
      const found = allowed.find((value) => value === given);
      if (found !== undefined) return found;
      problems.push(`${name} must be one of ${allowed.join(", ")}, got '${given}'`);
      return fallback;
    },
    flag(name, fallback) {
      const given = env[name];
      if (given === undefined) return fallback;
      if (given === "true" || given === "1") return true;
      if (given === "false" || given === "0") return false;
      problems.push(`${name} must be true or false, got '${given}'`);
      return fallback;
    },
    problem: (text) => problems.push(text),
  });
  if (problems.length > 0)
    throw new TidepoolError("invalid", `configuration: ${problems.join("; ")}`);
  return Object.freeze(config);
}
