/**
 * Instants and durations on the wire. google.protobuf.Timestamp holds a 64-bit integer, which arrives as a
 * Long object where the `long` package is installed; this is the one place that knows.
 */
import type { google } from "../gen/tidepool.js";

export type WireTimestamp = google.protobuf.Timestamp.$Properties;

/** @param atMs milliseconds since 1970-01-01 UTC; the fraction is kept to the nanosecond */
export function toTimestamp(atMs: number): WireTimestamp {
  const seconds = Math.floor(atMs / 1000);
  return { seconds, nanos: Math.round((atMs - seconds * 1000) * 1e6) };
}

/** Milliseconds since 1970-01-01 UTC, or undefined when absent. */
export function fromTimestamp(timestamp: WireTimestamp | null | undefined): number | undefined {
  if (timestamp === null || timestamp === undefined) return undefined;
  return Number(timestamp.seconds ?? 0) * 1000 + (timestamp.nanos ?? 0) / 1e6;
}
