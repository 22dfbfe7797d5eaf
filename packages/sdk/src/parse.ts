/** Answers from the wire as plain data: the one place that reads protobuf shapes. */
import { TidepoolError, given } from "@tidepool/common";
import { fromTimestamp, tidepool } from "@tidepool/proto";
import { parsePrediction, parseSettings, predictionWires, parseRateLimit } from "./settings.ts";
import { parseAlias } from "./versions.ts";
import type {
  Comparison,
  Forecast,
  FunctionDescription,
  InvokeResult,
  LogLine,
  PoolsSnapshot,
  Prewarm,
  Stages,
  Start,
  Tenant,
  TenantSettings,
  Window,
} from "./types.ts";

export function parseFunction(wire: tidepool.v1.Function.$Properties): FunctionDescription {
  return {
    name: wire.name ?? "",
    settings: parseSettings(wire.settings),
    version: wire.version || undefined,
    newestVersion: wire.newestVersion || undefined,
    codeDigest: wire.codeDigest || undefined,
    codeBytes: wire.codeDigest ? (wire.codeBytes ?? 0) : undefined,
    createdAtMs: fromTimestamp(wire.createdAt) ?? 0,
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
    tenant: wire.tenant || "default",
    revision: wire.revision ?? "",
    aliases: (wire.aliases ?? []).map(parseAlias),
  };
}

export function parseInvokeResult(wire: tidepool.v1.InvokeResponse.$Properties): InvokeResult {
  return {
    payload: parsePayload(wire),
    requestId: wire.requestId ?? "",
    version: wire.version ?? "",
    start: parseStart(wire.start),
    stages: parseStages(wire.stages),
    vmId: wire.vmId ?? "",
    hostId: wire.hostId ?? "",
    readyBeforeMs: wire.readyBeforeMs ?? 0,
    window: wire.window ? parseWindow(wire.window) : undefined,
  };
}

export function parseStart(start: tidepool.v1.Start | null | undefined): Start {
  const { START_PREDICTED, START_WARM, START_POOL, START_COLD } = tidepool.v1.Start;
  if (start === START_PREDICTED) return "predicted";
  if (start === START_WARM) return "warm";
  if (start === START_POOL) return "pool";
  return start === START_COLD ? "cold" : "unknown";
}

export function parseStages(stages: tidepool.v1.Stages.$Properties | null | undefined): Stages {
  return {
    routingMs: stages?.routingMs ?? 0,
    waitingMs: stages?.waitingMs ?? 0,
    restoreMs: stages?.restoreMs ?? 0,
    loadMs: stages?.loadMs ?? 0,
    runMs: stages?.runMs ?? 0,
  };
}

export function parsePools(wire: tidepool.v1.PoolsSnapshot.$Properties): PoolsSnapshot {
  return {
    atMs: fromTimestamp(wire.at) ?? 0,
    pools: (wire.pools ?? []).map((pool) => ({
      runtime: pool.runtime ?? "",
      memoryMib: pool.memoryMib ?? 0,
      vcpuCount: pool.vcpuCount || 1,
      target: pool.target ?? 0,
      baseTarget: pool.baseTarget ?? 0,
      ready: pool.ready ?? 0,
      cloning: pool.cloning ?? 0,
      loading: pool.loading ?? 0,
      idle: pool.idle ?? 0,
      provisioned: pool.provisioned ?? 0,
      busy: pool.busy ?? 0,
      total: pool.total ?? 0,
      periodicFunctions: pool.periodicFunctions ?? 0,
      uncoveredShare: pool.uncoveredShare ?? 0,
    })),
    hosts: (wire.hosts ?? []).map((host) => ({
      hostId: host.hostId ?? "",
      hypervisor: host.hypervisor ?? "",
      accelerator: host.accelerator ?? "",
      memoryMib: host.memoryMib ?? 0,
      memoryUsedMib: host.memoryUsedMib ?? 0,
      vmCount: host.vmCount ?? 0,
      vmCountMax: host.vmCountMax ?? 0,
    })),
  };
}

export function tenantSettingsToWire({
  prediction = "inherit",
  concurrencyMax,
  rateLimit,
  ...rest
}: TenantSettings): tidepool.v1.TenantSettings.$Properties {
  return {
    ...rest,
    prediction: predictionWires[prediction],
    ...given({ concurrencyMax, rateLimit }),
  };
}

export function parseTenant(wire: tidepool.v1.Tenant.$Properties): Tenant {
  return {
    name: wire.name ?? "",
    settings: {
      prediction: parsePrediction(wire.settings?.prediction),
      coldStartCost: wire.settings?.coldStartCost ?? 0,
      prewarmIdleVmSecondsMax: wire.settings?.prewarmIdleVmSecondsMax ?? 0,
      concurrencyMax: wire.settings?.concurrencyMax ?? undefined,
      rateLimit: wire.settings?.rateLimit ? parseRateLimit(wire.settings.rateLimit) : undefined,
    },
    updatedAtMs: fromTimestamp(wire.updatedAt),
  };
}

export function parseForecast(wire: tidepool.v1.GetForecastResponse.$Properties): Forecast {
  return {
    name: wire.name ?? "",
    degree: wire.degree ?? 0,
    periodMs: wire.periodMs ?? 0,
    windows: (wire.windows ?? []).map(parseWindow),
    evidence: wire.evidence ?? [],
    callsSeen: wire.callsSeen ?? 0,
    hits: wire.hits ?? 0,
    misses: wire.misses ?? 0,
    prewarmAtMs: fromTimestamp(wire.prewarmAt),
    prediction: parsePrediction(wire.prediction),
    predictionFrom: wire.predictionFrom ?? "",
    coldStartCost: wire.coldStartCost ?? 0,
    coldStartCostFrom: wire.coldStartCostFrom ?? "",
    recent: (wire.recent ?? []).map((past) => ({
      window: parseWindow(past.window ?? {}),
      calledAtMs: fromTimestamp(past.calledAt),
      wasPrepared: past.wasPrepared ?? false,
      wasShadow: past.wasShadow ?? false,
    })),
    plan: wire.plan ?? [],
    keepUntilMs: fromTimestamp(wire.keepUntil),
    comparison: wire.comparison ? parseComparison(wire.comparison) : undefined,
    tenantCap: { used: wire.tenantCap?.used ?? 0, max: wire.tenantCap?.max ?? 0 },
    shardCap: { used: wire.shardCap?.used ?? 0, max: wire.shardCap?.max ?? 0 },
    prewarm: wire.prewarm ? parsePrewarm(wire.prewarm) : undefined,
    provisioned: wire.provisioned
      ? {
          wanted: wire.provisioned.wanted ?? 0,
          ready: wire.provisioned.ready ?? 0,
          changesAtMs: fromTimestamp(wire.provisioned.changesAt),
          wantedThen: wire.provisioned.wantedThen ?? 0,
        }
      : undefined,
  };
}

function parseComparison(wire: tidepool.v1.Comparison.$Properties): Comparison {
  return {
    sinceMs: fromTimestamp(wire.since) ?? 0,
    calls: wire.calls ?? 0,
    coldStarts: wire.coldStarts ?? 0,
    fixedColdStarts: wire.fixedColdStarts ?? 0,
    idleVmSeconds: wire.idleVmSeconds ?? 0,
    fixedIdleVmSeconds: wire.fixedIdleVmSeconds ?? 0,
    preparedWindows: wire.preparedWindows ?? 0,
  };
}

export function parsePrewarm(wire: tidepool.v1.PrewarmRecord.$Properties): Prewarm {
  return {
    window: parseWindow(wire.window ?? {}),
    orderedAtMs: fromTimestamp(wire.orderedAt) ?? 0,
    readyByMs: fromTimestamp(wire.readyBy) ?? 0,
    releaseAtMs: fromTimestamp(wire.releaseAt) ?? 0,
    count: wire.count ?? 0,
    orderCount: wire.orderCount ?? 0,
    vmIds: wire.vmIds ?? [],
    failures: wire.failures ?? [],
    usedCount: wire.usedCount ?? 0,
    isShadow: wire.isShadow ?? false,
  };
}

export function parseLogLine(wire: tidepool.v1.LogLine.$Properties): LogLine {
  return {
    atMs: fromTimestamp(wire.at) ?? 0,
    requestId: wire.requestId ?? "",
    version: wire.version ?? "",
    stream: wire.stream === "stderr" ? "stderr" : "stdout",
    text: wire.text ?? "",
    hostId: wire.hostId ?? "",
    vmId: wire.vmId ?? "",
    functionName: wire.functionName ?? "",
  };
}

export function parseWindow(wire: tidepool.v1.Window.$Properties): Window {
  return {
    startAtMs: fromTimestamp(wire.startAt) ?? 0,
    endAtMs: fromTimestamp(wire.endAt) ?? 0,
    expectedAtMs: fromTimestamp(wire.expectedAt) ?? 0,
    count: wire.count ?? 0,
    degree: wire.degree ?? 0,
  };
}

/** A program that speaks the runtime API, or a function that streams, may answer with any bytes. */
function parsePayload({
  payload,
  requestId,
  start,
  stages,
}: tidepool.v1.InvokeResponse.$Properties): unknown {
  if (!payload || payload.byteLength === 0) return null;
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch (error) {
    throw new TidepoolError("functionError", "the function's answer is not JSON", {
      cause: error,
      component: "function",
      reason: "malformedAnswer",
      details: {
        requestId,
        start: parseStart(start),
        stages: parseStages(stages),
        hint: "take its bytes as they are with: ./tidepool invoke … --stream",
      },
    });
  }
}

export function encodePayload(payload: unknown): Uint8Array {
  const text = JSON.stringify(payload);
  if (text === undefined) {
    throw new TidepoolError("invalid", `a payload of type ${typeof payload} is not JSON`, {
      component: "client",
    });
  }
  return new TextEncoder().encode(text);
}
