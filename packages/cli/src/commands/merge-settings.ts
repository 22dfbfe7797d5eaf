/** Settings as they are with what the command line says over them; pure. */
import { given } from "@tidepool/common";
import type { AsyncSettings, CompleteSettings, FunctionSettings, RateLimit } from "@tidepool/sdk";
import { usageError } from "../failure.ts";
import { handlerDefault, runtimeDefault } from "../project/settings-of.ts";
import { none } from "../program/settings-options.ts";
import type { None, SettingsOptions } from "../program/settings-options.ts";

/**
 * What is not given stays as it was; a new function gets the server's defaults.
 *
 * @throws TidepoolError `invalid` for a burst without a rate
 */
export function mergeSettings(
  existing: CompleteSettings | undefined,
  options: SettingsOptions,
): FunctionSettings {
  const { runtime, handler, memory, vcpus, timeout, initTimeout, keepAlive, provisioned } = options;
  const { snapshotInit, singleUse, network, prediction, price, description } = options;
  return {
    runtime: runtimeDefault,
    handler: handlerDefault,
    ...existing,
    ...given({
      runtime,
      handler,
      memoryMib: memory,
      vcpuCount: vcpus,
      timeoutMs: timeout,
      initTimeoutMs: initTimeout,
      keepAliveMs: keepAlive,
      snapshotInit,
      singleUse,
      network,
      prediction,
      coldStartCost: price,
    }),
    ...pairs("environment", options.env),
    ...pairs("secrets", options.secret),
    ...pairs("tags", options.tag),
    ...given({ description, provisioned }),
    ...(options.reserved === undefined
      ? {}
      : { reservedConcurrency: orUndefined(options.reserved) }),
    ...rateLimitOf(existing, options),
    ...asyncOf(existing, options),
  };
}

/** Commander's own default is an empty map: nothing was given. */
function pairs<Key extends string>(
  key: Key,
  given: Readonly<Record<string, string>> | false | undefined,
): { readonly [key in Key]?: Readonly<Record<string, string>> } {
  if (given === false) return { [key]: {} } as { [key in Key]: Record<string, string> };
  if (given === undefined || Object.keys(given).length === 0) return {};
  return { [key]: given } as { [key in Key]: Readonly<Record<string, string>> };
}

function rateLimitOf(
  existing: CompleteSettings | undefined,
  { rate, burst }: SettingsOptions,
): Pick<FunctionSettings, "rateLimit"> {
  if (rate === undefined && burst === undefined) return {};
  return { rateLimit: mergeRateLimit(existing?.rateLimit, rate, burst) };
}

/** A rate of 0 takes the limit away. @throws TidepoolError `invalid` for a burst without a rate */
export function mergeRateLimit(
  existing: RateLimit | undefined,
  rate: number | undefined,
  burst: number | undefined,
): RateLimit | undefined {
  const callsPerSecond = rate ?? existing?.callsPerSecond ?? 0;
  if (callsPerSecond > 0) return { callsPerSecond, ...given({ burst: burst ?? existing?.burst }) };
  if (burst !== undefined) throw usageError("a burst needs a rate", "give --rate too");
  return undefined;
}

function asyncOf(
  existing: CompleteSettings | undefined,
  { asyncRetries, asyncMaxAge, onSuccess, onFailure }: SettingsOptions,
): Pick<FunctionSettings, "async"> {
  const options = [asyncRetries, asyncMaxAge, onSuccess, onFailure];
  if (options.every((each) => each === undefined)) return {};
  const { onSuccess: wasSuccess, onFailure: wasFailure, ...rest } = existing?.async ?? {};
  const success = onSuccess === undefined ? wasSuccess : orUndefined(onSuccess);
  const failure = onFailure === undefined ? wasFailure : orUndefined(onFailure);
  const settings: AsyncSettings = {
    ...rest,
    ...given({
      retries: asyncRetries,
      ageMaxMs: asyncMaxAge,
      onSuccess: success,
      onFailure: failure,
    }),
  };
  return { async: Object.keys(settings).length === 0 ? undefined : settings };
}

function orUndefined<T>(given: T | None): T | undefined {
  return given === none ? undefined : given;
}
