/** Commands from a shard, decoded and validated; nothing past this sees protobuf types. */
import { TidepoolError } from "@tidepool/common";
import { fromTimestamp, tidepool } from "@tidepool/proto";
import { initTimeoutDefaultMs, initTimeoutMaxMs } from "../vm/limits.ts";
import type { ForecastWindow, OwnedFunction } from "../vm/owned-function.ts";

export interface AssignCommand {
  readonly shard: number;
  readonly epoch: number;
  readonly assignmentId: string;
  readonly owned: OwnedFunction;
  readonly requestId: string | undefined;
  readonly window: ForecastWindow | undefined;
  readonly keepUntilMs: number | undefined;
}

export interface KeepCommand {
  readonly shard: number;
  readonly epoch: number;
  readonly functionName: string;
  readonly count: number;
  readonly keepUntilMs: number;
  readonly sentAtMs: number;
  readonly window: ForecastWindow | undefined;
  /** VMs of this version stay first; undefined: of the active one. */
  readonly version: string | undefined;
  /** Set: the command is about it alone. */
  readonly floor: { readonly count: number; readonly untilMs: number } | undefined;
}

export const memoryMinMib = 64;
export const memoryMaxMib = 8_192;
export const vcpuMaxCount = 4;
export const memoryDefaultMib = 128;
export const keepAliveDefaultMs = 600_000;

export function parseAssign(
  message: tidepool.internal.v1.AssignRequest.$Properties,
): AssignCommand {
  return {
    shard: message.shard ?? 0,
    epoch: message.epoch ?? 0,
    assignmentId: required(message.assignmentId, "assignment_id"),
    owned: parseOwned(message.function),
    requestId: message.requestId || undefined,
    window: parseWindow(message.window),
    keepUntilMs: fromTimestamp(message.keepUntil),
  };
}

export function parseKeep(message: tidepool.internal.v1.KeepRequest.$Properties): KeepCommand {
  return {
    shard: message.shard ?? 0,
    epoch: message.epoch ?? 0,
    functionName: required(message.functionName, "function_name"),
    count: message.count ?? 0,
    keepUntilMs: fromTimestamp(message.keepUntil) ?? 0,
    sentAtMs: fromTimestamp(message.sentAt) ?? 0,
    window: parseWindow(message.window),
    version: message.version || undefined,
    floor: parseFloor(message),
  };
}

function parseFloor({
  floorCount,
  floorUntil,
}: tidepool.internal.v1.KeepRequest.$Properties): KeepCommand["floor"] {
  const untilMs = fromTimestamp(floorUntil);
  return untilMs === undefined ? undefined : { count: floorCount ?? 0, untilMs };
}

function parseOwned(
  wire: tidepool.internal.v1.FunctionVersion.$Properties | null | undefined,
): OwnedFunction {
  const settings = wire?.settings;
  const memoryMib = settings?.memoryMib || memoryDefaultMib;
  if (memoryMib < memoryMinMib || memoryMib > memoryMaxMib) {
    throw new TidepoolError(
      "invalid",
      `memory_mib must be from ${memoryMinMib} to ${memoryMaxMib}, got ${memoryMib}`,
    );
  }
  return {
    name: required(wire?.name, "function.name"),
    version: required(wire?.version, "function.version"),
    codeDigest: parseDigest(wire?.codeDigest),
    runtime: parseRuntime(settings?.runtime),
    handler: required(settings?.handler, "function.settings.handler"),
    memoryMib,
    vcpuCount: parseVcpuCount(settings?.vcpuCount),
    ...networkOf(settings),
    environment: { ...settings?.environment },
    secrets: { ...settings?.secrets },
    singleUse: settings?.singleUse ?? false,
    initTimeoutMs: Math.min(settings?.initTimeoutMs || initTimeoutDefaultMs, initTimeoutMaxMs),
    snapshotInit: settings?.snapshotInit ?? false,
    keepAliveMs: settings?.keepAliveMs || keepAliveDefaultMs,
  };
}

/** Of a function's settings; nothing where it asked for none. */
export function networkOf(
  settings: tidepool.v1.FunctionSettings.$Properties | null | undefined,
): Pick<OwnedFunction, "network"> {
  const isAsked = settings?.network === tidepool.v1.GuestNetwork.GUEST_NETWORK_INTERNET;
  return isAsked ? { network: "internet" } : {};
}

function parseVcpuCount(given: number | null | undefined): number {
  const count = given || 1;
  if (count <= vcpuMaxCount) return count;
  throw new TidepoolError("invalid", `vcpu_count must be 1 to ${vcpuMaxCount}, got ${count}`);
}

/** It becomes part of file names. */
function parseRuntime(runtime: string | null | undefined): string {
  const name = required(runtime, "function.settings.runtime");
  if (/^[a-z0-9][a-z0-9.-]{0,31}$/.test(name)) return name;
  throw new TidepoolError("invalid", `runtime '${name}' is no name of a runtime`);
}

function parseDigest(digest: string | null | undefined): string {
  const found = /^(?:sha256:)?([0-9a-f]{64})$/.exec(digest ?? "")?.[1];
  if (found !== undefined) return found;
  throw new TidepoolError("invalid", `code digest '${digest ?? ""}' is not 64 hex digits`);
}

function parseWindow(
  window: tidepool.v1.Window.$Properties | null | undefined,
): ForecastWindow | undefined {
  const startAtMs = fromTimestamp(window?.startAt);
  const endAtMs = fromTimestamp(window?.endAt);
  if (startAtMs === undefined || endAtMs === undefined) return undefined;
  return {
    startAtMs,
    endAtMs,
    expectedAtMs: fromTimestamp(window?.expectedAt) ?? startAtMs,
    count: window?.count ?? 0,
    degree: window?.degree ?? 0,
  };
}

function required(text: string | null | undefined, field: string): string {
  if (text === undefined || text === null || text === "") {
    throw new TidepoolError("invalid", `${field} is missing`);
  }
  return text;
}
