/** What the groups of commands are made of: where a group puts its commands, and how arguments are read. */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { given } from "@tidepool/common";
import type { Prediction } from "@tidepool/sdk";
import { formatDuration, parseDuration } from "../project/duration.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** The server's own limit, VM-seconds. */
export const coldStartCostMax = 86_400;

export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** The exit code when it is not 0. */
  readonly setExitCode: (code: number) => void;
}

/** What every command that talks to a system has. */
export interface ClientOptions {
  readonly address: string;
  /** PEM file; absent: plain text. */
  readonly tlsCa?: string;
  /** With a token; absent: that of TIDEPOOL_TOKEN, or none. */
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** Adds one group of commands. */
export type AddCommands = (program: Command, context: CommandContext) => void;

export function jsonOption(): Option {
  return new Option("--json", "print the result as JSON");
}

type Where = Pick<ClientOptions, "address" | "tlsCa" | "tokenFile">;

/** The options of a command, and where the frontend is, which is an option of all of them. */
export function withAddress<T extends object>(program: Command, options: T): T & Where {
  const { address, tlsCa, tokenFile } = program.opts<Where>();
  return {
    ...options,
    address,
    ...given({ tlsCa, tokenFile }),
  };
}

export function predictionOption(whose: string): Option {
  const description = `on, shadow (decide, record, change nothing) or off; inherit: ${whose}`;
  return new Option("--prediction <mode>", description).choices([
    "inherit",
    "on",
    "shadow",
    "off",
  ] satisfies Prediction[]);
}

export function command(
  program: Command,
  name: string,
  description: string,
  example: string,
): Command {
  return program
    .command(name)
    .description(description)
    .addHelpText("after", `\nExample:\n  $ ${example}`);
}

/** The function that a command is about, without its qualifier: its argument, or --function. */
export function functionNameOf(action: Command): string | undefined {
  const at = action.registeredArguments.findIndex((argument) => argument.name() === "function");
  if (at >= 0) return action.args[at]?.split(":")[0];
  const { function: asked } = action.opts<{ readonly function?: unknown }>();
  return typeof asked === "string" ? asked : undefined;
}

export function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`a number from ${min} to ${max} is needed`);
  };
}

/** "15m" ago, or an instant; as milliseconds since 1970 UTC. */
export function since(text: string): number {
  const ago = /^(\d+(?:\.\d+)?)(s|m|h|d)$/.exec(text);
  if (ago !== null) {
    const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
    return Date.now() - Number(ago[1]) * (units[ago[2] ?? ""] ?? 0);
  }
  const atMs = instantOf(text);
  if (atMs !== undefined) return atMs;
  throw new InvalidArgumentError("a time as 90s, 15m, 6h, 2d or 2026-11-23T10:00:00Z is needed");
}

export function instant(text: string): number {
  const atMs = instantOf(text);
  if (atMs !== undefined) return atMs;
  throw new InvalidArgumentError("an instant as 2027-01-01T00:00:00Z is needed");
}

/** Milliseconds since 1970 UTC. Date.parse alone takes "5" for a day in May. */
function instantOf(text: string): number | undefined {
  const atMs = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(atMs) ? undefined : atMs;
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`an integer from ${min} to ${max} is needed`);
  };
}

/** "30s", or a bare number of milliseconds. */
export function milliseconds(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : parseDuration(text);
    if (value !== undefined && Number.isInteger(value) && value >= min && value <= max)
      return value;
    throw new InvalidArgumentError(
      `a time from ${formatDuration(min)} to ${formatDuration(max)} is needed, as 500ms, 30s, 5m or 2h; a bare number is ms`,
    );
  };
}

/** Of a repeated option; false where the one before was its --no-… */
export function keyValue(
  text: string,
  previous: Readonly<Record<string, string>> | boolean,
): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError("KEY=VALUE is needed");
  const before = typeof previous === "object" ? previous : {};
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}
