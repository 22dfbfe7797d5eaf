/** A function of a project file as settings of the API. */
import { given } from "@tidepool/common";
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
    ...given({
      memoryMib: entry.memory,
      vcpuCount: entry.vcpus,
      timeoutMs: entry.timeout,
      initTimeoutMs: entry.initTimeout,
      keepAliveMs: entry.keepAlive,
      snapshotInit: entry.snapshotInit,
      singleUse: entry.singleUse,
      network: entry.network,
      environment: entry.environment,
      secrets: entry.secrets,
      description: entry.description,
      tags: entry.tags,
      prediction: entry.prediction,
      coldStartCost: entry.price,
      reservedConcurrency: entry.reservedConcurrency,
      rateLimit: entry.rateLimit && rateLimitOf(entry.rateLimit),
      provisioned: provisioned?.map(provisionedOf),
      async: async && asyncOf(async),
      url: url && urlOf(url),
    }),
  };
}

function rateLimitOf({ callsPerSecond, burst }: NonNullable<ProjectFunction["rateLimit"]>) {
  return { callsPerSecond, ...given({ burst }) };
}

function provisionedOf(entry: NonNullable<ProjectFunction["provisioned"]>[number]) {
  const { count, from, for: durationMs, timeZone } = entry;
  return { count, ...given({ fromCron: from, durationMs, timeZone }) };
}

function asyncOf(entry: NonNullable<ProjectFunction["async"]>) {
  const { retries, maxAge, onSuccess, onFailure } = entry;
  return given({ retries, ageMaxMs: maxAge, onSuccess, onFailure });
}

function urlOf(entry: NonNullable<ProjectFunction["url"]>) {
  const { methods, cors, qualifier } = entry as {
    methods?: string[];
    cors?: string[];
    qualifier?: string;
  };
  return given({ methods, corsOrigins: cors, qualifier });
}
