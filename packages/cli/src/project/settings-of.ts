/** A function of a project file as settings of the API. */
import type { FunctionSettings } from "@tidepool/sdk";
import type { ProjectFunction } from "./schema.ts";

export const runtimeDefault = "nodejs20";
export const handlerDefault = "index.handler";

/** What the file does not say gets the server's default: the file is the whole truth. */
export function settingsOf(entry: ProjectFunction): FunctionSettings {
  const { provisioned, async, url } = entry;
  return {
    runtime: entry.runtime ?? runtimeDefault,
    handler: entry.handler ?? handlerDefault,
    ...given("memoryMib", entry.memory),
    ...given("vcpuCount", entry.vcpus),
    ...given("timeoutMs", entry.timeout),
    ...given("initTimeoutMs", entry.initTimeout),
    ...given("keepAliveMs", entry.keepAlive),
    ...given("snapshotInit", entry.snapshotInit),
    ...given("singleUse", entry.singleUse),
    ...given("network", entry.network),
    ...given("environment", entry.environment),
    ...given("secrets", entry.secrets),
    ...given("description", entry.description),
    ...given("tags", entry.tags),
    ...given("prediction", entry.prediction),
    ...given("coldStartCost", entry.price),
    ...given("reservedConcurrency", entry.reservedConcurrency),
    ...given("rateLimit", entry.rateLimit && rateLimitOf(entry.rateLimit)),
    ...given("provisioned", provisioned?.map(provisionedOf)),
    ...given("async", async && asyncOf(async)),
    ...given("url", url && urlOf(url)),
  };
}

function rateLimitOf({ callsPerSecond, burst }: NonNullable<ProjectFunction["rateLimit"]>) {
  return { callsPerSecond, ...given("burst", burst) };
}

function provisionedOf(entry: NonNullable<ProjectFunction["provisioned"]>[number]) {
  return {
    count: entry.count,
    ...given("fromCron", entry.from),
    ...given("durationMs", entry.for),
    ...given("timeZone", entry.timeZone),
  };
}

function asyncOf(entry: NonNullable<ProjectFunction["async"]>) {
  return {
    ...given("retries", entry.retries),
    ...given("ageMaxMs", entry.maxAge),
    ...given("onSuccess", entry.onSuccess),
    ...given("onFailure", entry.onFailure),
  };
}

function urlOf(entry: NonNullable<ProjectFunction["url"]>) {
  const { methods, cors, qualifier } = entry as {
    methods?: string[];
    cors?: string[];
    qualifier?: string;
  };
  return {
    ...given("methods", methods),
    ...given("corsOrigins", cors),
    ...given("qualifier", qualifier),
  };
}

/** Nothing where there is no value: absent and undefined are two things. */
function given<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [key in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [key in Key]: Value });
}
