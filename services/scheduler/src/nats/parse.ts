/** Messages from the wire, checked once: nothing past here sees an absent field. */
import { TidepoolError } from "@tidepool/common";
import { fromTimestamp, subjects, tidepool } from "@tidepool/proto";
import type { Heartbeat } from "../hosts/heartbeat.ts";
import { internetMark, tenantDefault } from "../ports.ts";
import { parsePrediction } from "./prediction.ts";
import type {
  AcquireOrder,
  Arrival,
  ArrivalBatch,
  FunctionVersion,
  TenantTerms,
} from "../ports.ts";

type FunctionVersionWire = tidepool.internal.v1.FunctionVersion.$Properties;

/** What a host has a VM with when settings say nothing; the API's own defaults. */
export const memoryMibDefault = 128;
export const keepAliveMsDefault = 600_000;

/** @throws TidepoolError `invalid` */
export function parseAcquire(wire: tidepool.internal.v1.AcquireRequest.$Properties): AcquireOrder {
  const { requestId = "", refusedVmId, avoidHostIds, function: version } = wire;
  if (requestId === null || !subjects.isToken(requestId)) {
    throw new TidepoolError("invalid", `request id '${requestId}' is no id`);
  }
  return {
    requestId,
    function: parseFunctionVersion(version),
    refusedVmId: refusedVmId ?? "",
    avoidHostIds: avoidHostIds ?? [],
  };
}

/** @throws TidepoolError `invalid` */
export function parseFunctionVersion(
  wire: FunctionVersionWire | null | undefined,
  tenant = tenantDefault,
): FunctionVersion {
  const { name, version, codeDigest, settings } = wire ?? {};
  if (!wire || !name || !subjects.isToken(name)) {
    throw new TidepoolError("invalid", `function name '${name}' is no name`);
  }
  if (!version || !codeDigest) {
    throw new TidepoolError("invalid", `function ${name} has no version with code`);
  }
  if (!settings?.runtime) throw new TidepoolError("invalid", `function ${name} has no runtime`);
  return {
    name,
    version,
    codeDigest,
    runtime: poolRuntimeOf(settings),
    needsInternet: isOfInternet(settings),
    memoryMib: settings.memoryMib || memoryMibDefault,
    vcpuCount: settings.vcpuCount || 1,
    keepAliveMs: settings.keepAliveMs || keepAliveMsDefault,
    tenant,
    prediction: parsePrediction(settings.prediction),
    coldStartCost: positive(settings.coldStartCost),
    provisioned: (settings.provisioned ?? []).map((window) => ({
      count: window.count ?? 0,
      fromCron: window.fromCron ?? "",
      durationMs: window.durationMs ?? 0,
      timeZone: window.timeZone || "UTC",
    })),
    wire,
  };
}

const isOfInternet = ({ network }: tidepool.v1.FunctionSettings.$Properties): boolean =>
  network === tidepool.v1.GuestNetwork.GUEST_NETWORK_INTERNET;

/** Generic VMs with a network wait in pools of their own, under this name. */
const poolRuntimeOf = (settings: tidepool.v1.FunctionSettings.$Properties): string =>
  `${settings.runtime ?? ""}${isOfInternet(settings) ? internetMark : ""}`;

/** @returns undefined for a function without code: it cannot be called */
export function parseFunctionRecord(
  record: tidepool.internal.v1.FunctionRecord.$Properties,
): FunctionVersion | undefined {
  const { name, version, codeDigest, settings } = record.function ?? {};
  if (!name || !version || !codeDigest || !settings) return undefined;
  const tenant = record.function?.tenant || tenantDefault;
  return parseFunctionVersion({ name, version, codeDigest, settings }, tenant);
}

export function parseTenantRecord({
  tenant,
}: tidepool.internal.v1.TenantRecord.$Properties): TenantTerms {
  const settings = tenant?.settings;
  return {
    prediction: parsePrediction(settings?.prediction),
    coldStartCost: positive(settings?.coldStartCost),
    prewarmIdleVmSecondsMax: positive(settings?.prewarmIdleVmSecondsMax),
  };
}

function positive(value: number | null | undefined): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

/** @throws TidepoolError `invalid` */
export function parseHeartbeat(wire: tidepool.internal.v1.HostHeartbeat.$Properties): Heartbeat {
  const { hostId, address } = wire;
  if (!hostId || !subjects.isToken(hostId)) {
    throw new TidepoolError("invalid", `host id '${hostId}' is no id`);
  }
  if (!address) throw new TidepoolError("invalid", `host ${hostId} names no address`);
  return {
    hostId,
    address,
    memoryMib: wire.memoryMib ?? 0,
    memoryUsedMib: wire.memoryUsedMib ?? 0,
    vmCount: wire.vmCount ?? 0,
    vmCountMax: wire.vmCountMax ?? 0,
    vcpuCount: wire.vcpuCount || Number.POSITIVE_INFINITY,
    vcpuUsed: wire.vcpuUsed ?? 0,
    vmOverheadMib: wire.vmOverheadMib ?? 0,
    offersInternet: wire.offersInternet ?? false,
    code: wire.code ?? nothing,
    isDraining: (wire.isDraining ?? false) || (wire.isDrained ?? false),
    pools: (wire.pools ?? []).map((pool) => ({
      runtime: pool.runtime ?? "",
      memoryMib: pool.memoryMib ?? 0,
      vcpuCount: pool.vcpuCount || 1,
      ready: pool.ready ?? 0,
      prepareP95Ms: pool.prepareP95Ms ?? 0,
      hasTemplate: pool.hasTemplate ?? false,
    })),
    functions: (wire.functions ?? []).map((part) => ({
      name: part.name ?? "",
      version: part.version ?? "",
      idle: part.idle ?? 0,
      busy: part.busy ?? 0,
      loading: part.loading ?? 0,
    })),
  };
}

const nothing = new Uint8Array();

/**
 * A call cannot have come after the server stored its message: a frontend whose clock runs ahead is held to
 * the server's. An arrival without name or time is left out.
 */
export function parseArrivals(
  wire: tidepool.internal.v1.ArrivalBatch.$Properties,
  sequence: number,
  storedAtMs: number,
): ArrivalBatch {
  const arrivals: Arrival[] = [];
  for (const { functionName, version, requestId, qualifier, at } of wire.arrivals ?? []) {
    const atMs = fromTimestamp(at);
    if (!functionName || atMs === undefined) continue;
    arrivals.push({
      functionName,
      version: version ?? "",
      requestId: requestId ?? "",
      qualifier: qualifier ?? "",
      atMs: Math.min(atMs, storedAtMs),
    });
  }
  return { sequence, arrivals };
}
