/** `tidepool describe`: all that is set of a function, and what calls it. */
import type { Destination, FunctionDescription, Schedule, Subscription } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { functionUrl, httpAddressBeside } from "../http-address.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { describeProvisioned } from "../program/settings-options.ts";
import { formatBytes, formatCount, formatDuration, formatInstant } from "../terminal/format.ts";
import { describeSplit } from "./alias.ts";
import { whenInWords } from "./schedule.ts";
import { sourceInWords } from "./subscription.ts";

export interface Described {
  readonly description: FunctionDescription;
  readonly schedules: readonly Schedule[];
  readonly subscriptions: readonly Subscription[];
}

export async function describeCommand(
  name: string,
  options: ClientOptions,
  { terminal, env }: CommandContext,
): Promise<void> {
  const described = await withClient(options, async (client): Promise<Described> => {
    const description = await client.getFunction(name);
    const [schedules, subscriptions] = await Promise.all([
      client.schedules.list(name),
      client.subscriptions.list(name),
    ]);
    return { description, schedules, subscriptions };
  });
  const { description, ...triggers } = described;
  if (options.json === true)
    return terminal.out(`${JSON.stringify({ ...description, ...triggers })}\n`);
  const httpAddress = env["TIDEPOOL_HTTP_ADDRESS"] ?? httpAddressBeside(options.address);
  terminal.out(describeFunction(described, httpAddress));
}

type Line = readonly [title: string, text: string | undefined];

/** What is not set has no line, but for limits: there it matters what holds instead. */
export function describeFunction(described: Described, httpAddress: string): string {
  const { description, schedules, subscriptions } = described;
  const { name, settings } = description;
  const { url } = settings;
  const lines: Line[] = [
    ["function", name],
    ["tenant", description.tenant],
    ["description", settings.description || undefined],
    ["version", versionText(description)],
    ...description.aliases.map((alias): Line => [
      "alias",
      `${alias.name}: ${describeSplit(alias)}`,
    ]),
    ["code", codeText(description)],
    ["runtime", `${settings.runtime}, ${settings.handler}`],
    ["memory", `${settings.memoryMib} MiB, ${formatCount(settings.vcpuCount, "vCPU")}`],
    [
      "time limit",
      `${formatDuration(settings.timeoutMs)}, init ${formatDuration(settings.initTimeoutMs)}`,
    ],
    ["keep-alive", formatDuration(settings.keepAliveMs)],
    ["single use", settings.singleUse ? "a new VM for every call" : undefined],
    ["init", settings.snapshotInit ? "from a template taken after it" : undefined],
    ["network", settings.network === "none" ? undefined : settings.network],
    ...Object.entries(settings.environment).map(pair("environment")),
    ...Object.entries(settings.secrets).map(pair("secret")),
    ...Object.entries(settings.tags).map(pair("tag")),
    ["prediction", settings.prediction === "inherit" ? "the tenant's" : settings.prediction],
    [
      "price",
      settings.coldStartCost === 0
        ? undefined
        : `${settings.coldStartCost} idle VM-seconds a cold start`,
    ],
    ...limitLines(description),
    ...describeProvisioned(settings.provisioned).map((text): Line => ["provisioned", text]),
    ...asyncLines(description),
    ["url", url === undefined ? undefined : functionUrl(description, httpAddress)],
    ["url methods", url?.methods?.join(", ")],
    ["url origins", url?.corsOrigins?.join(", ")],
    ["url runs", url?.qualifier],
    ...schedules.map(({ name: of, settings: { when, isPaused } }): Line => [
      "schedule",
      `${of}: ${whenInWords(when)}${isPaused === true ? ", paused" : ""}`,
    ]),
    ...subscriptions.map(({ name: of, settings: { source, isPaused } }): Line => [
      "subscription",
      `${of}: ${sourceInWords(source)}${isPaused === true ? ", paused" : ""}`,
    ]),
    ["revision", description.revision],
    ["changed", formatInstant(description.updatedAtMs)],
    ["created", formatInstant(description.createdAtMs)],
  ];
  return lines
    .filter(([, text]) => text !== undefined)
    .map(([title, text]) => `${title.padEnd(14)}${text}\n`)
    .join("");
}

function versionText({ version, newestVersion }: FunctionDescription): string {
  if (version === undefined) return "none: no code yet";
  return version === newestVersion ? version : `${version}; the newest is ${newestVersion ?? "-"}`;
}

function codeText({ codeBytes, codeDigest }: FunctionDescription): string | undefined {
  return codeBytes === undefined ? undefined : `${formatBytes(codeBytes)}, ${codeDigest ?? ""}`;
}

function pair(title: string): (entry: readonly [string, string]) => Line {
  return ([key, value]) => [title, `${key}=${value}`];
}

function limitLines({ settings: { reservedConcurrency, rateLimit } }: FunctionDescription): Line[] {
  const reserved =
    reservedConcurrency === 0
      ? "0 calls at once: stopped"
      : `${reservedConcurrency} calls at once, kept free for it`;
  return [
    ["reserved", reservedConcurrency === undefined ? "none: the tenant's limit alone" : reserved],
    [
      "rate",
      rateLimit === undefined
        ? "none: the tenant's limit alone"
        : `${rateLimit.callsPerSecond} calls a second${rateLimit.burst === undefined ? "" : `, ${rateLimit.burst} at once`}`,
    ],
  ];
}

function asyncLines({ settings }: FunctionDescription): Line[] {
  const { retries, ageMaxMs, onSuccess, onFailure } = settings.async ?? {};
  return [
    [
      "async",
      `${retries === undefined ? "2 retries (default)" : retries === 1 ? "1 retry" : `${retries} retries`}, ${
        ageMaxMs === undefined
          ? "6 h old at most (default)"
          : `${formatDuration(ageMaxMs)} old at most`
      }`,
    ],
    ["on success", onSuccess && destinationText(onSuccess)],
    ["on failure", onFailure && destinationText(onFailure)],
  ];
}

/** As `--on-success` takes it. */
function destinationText(destination: Destination): string {
  return "function" in destination
    ? `function:${destination.function}`
    : `subject:${destination.subject}`;
}
