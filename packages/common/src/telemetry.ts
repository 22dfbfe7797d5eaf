/**
 * OpenTelemetry for a process. Trace ids always exist, so that log lines can be joined; spans and figures leave
 * the process only when the standard environment variables ask for it (OTEL_EXPORTER_OTLP_ENDPOINT,
 * OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER and the rest of that family).
 */
import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Attributes, Context, Span, SpanKind } from "@opentelemetry/api";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import { messageOf } from "./error.ts";

export interface Telemetry {
  /** Sends what is buffered and stops. */
  stop(): Promise<void>;
}

export async function startTelemetry(
  serviceName: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Telemetry> {
  if (!wantsExport(env)) {
    const provider = new NodeTracerProvider();
    provider.register();
    return { stop: () => unregister(() => provider.shutdown()) };
  }
  // Heavy, so only where it is used.
  const { NodeSDK } = await import("@opentelemetry/sdk-node");
  const sdk = new NodeSDK({
    serviceName: env["OTEL_SERVICE_NAME"] ?? serviceName,
    instrumentations: [],
  });
  sdk.start();
  return { stop: () => unregister(() => sdk.shutdown()) };
}

/** A later start in this process is refused by the API while an earlier one is registered. */
async function unregister(shutdown: () => Promise<void>): Promise<void> {
  await shutdown();
  trace.disable();
  context.disable();
  propagation.disable();
  metrics.disable();
}

function wantsExport(env: NodeJS.ProcessEnv): boolean {
  if (env["OTEL_SDK_DISABLED"] === "true") return false;
  return ["TRACES", "METRICS"].some((kind) => {
    const exporter = env[`OTEL_${kind}_EXPORTER`];
    if (exporter !== undefined) return exporter !== "" && exporter !== "none";
    return (
      env["OTEL_EXPORTER_OTLP_ENDPOINT"] !== undefined ||
      env[`OTEL_EXPORTER_OTLP_${kind}_ENDPOINT`] !== undefined
    );
  });
}

const tracer = () => trace.getTracer("tidepool");

export interface SpanOptions {
  readonly kind: SpanKind;
  readonly attributes?: Attributes;
  /** The active context when absent. */
  readonly parent?: Context;
}

/** Runs `work` inside a span, ends it, and records what it throws. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const parent = options.parent ?? context.active();
  const span = tracer().startSpan(
    name,
    { kind: options.kind, ...(options.attributes ? { attributes: options.attributes } : {}) },
    parent,
  );
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** The W3C traceparent of a context; empty when it has no span. */
export function traceparentOf(from: Context = context.active()): string {
  const carrier: Record<string, string> = {};
  propagation.inject(from, carrier);
  return carrier["traceparent"] ?? "";
}

/** A context that continues `traceparent`; never inherits the reader's own span. */
export function contextOf(traceparent: string): Context {
  return propagation.extract(ROOT_CONTEXT, { traceparent });
}
