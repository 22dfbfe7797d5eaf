/**
 * JSON log lines on stderr: one event a line, a constant message, data in fields, trace and span id of the
 * active context. A child logger carries its component's fields.
 */
import { pino } from "pino";
import type { DestinationStream, Logger as Pino } from "pino";
import { isSpanContextValid, trace } from "@opentelemetry/api";

export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** A person must look. */
  error(message: string, fields?: LogFields): void;
  /** We coped. */
  warn(message: string, fields?: LogFields): void;
  /** State changed. */
  info(message: string, fields?: LogFields): void;
  /** Why. */
  debug(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

export const logLevels = ["error", "warn", "info", "debug", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export function createLogger(options: {
  service: string;
  level?: LogLevel;
  destination?: DestinationStream;
}): Logger {
  const {
    service,
    level = "info",
    destination = pino.destination({ fd: 2, sync: true }),
  } = options;
  return wrap(
    pino(
      {
        level,
        base: { service },
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: pino.stdSerializers.errWithCause },
        mixin: traceIds,
      },
      destination,
    ),
  );
}

/** For tests and libraries that must not print. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  child: () => silentLogger,
};

function traceIds(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span !== undefined && isSpanContextValid(span)
    ? { traceId: span.traceId, spanId: span.spanId }
    : {};
}

function wrap(inner: Pino): Logger {
  return {
    error: (message, fields = {}) => inner.error(fields, message),
    warn: (message, fields = {}) => inner.warn(fields, message),
    info: (message, fields = {}) => inner.info(fields, message),
    debug: (message, fields = {}) => inner.debug(fields, message),
    child: (fields) => wrap(inner.child(fields)),
  };
}
