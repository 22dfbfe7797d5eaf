/** What browsers of other origins may do, as the function's settings say. The function's own headers for it give way. */
import { corsMaxAgeSeconds } from "./limits.ts";

export interface CorsRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
}

type Headers = readonly (readonly [string, string])[];

export const requestIdHeader = "x-tidepool-request-id";

/** For an answer; none where the settings name no origin, or another one. */
export function corsHeaders(origins: readonly string[], origin: string | undefined): Headers {
  const allowed = allowedOrigin(origins, origin);
  if (allowed === undefined) return origins.length === 0 ? [] : [["vary", "Origin"]];
  return [
    ["access-control-allow-origin", allowed],
    ["access-control-expose-headers", requestIdHeader],
    ["vary", "Origin"],
  ];
}

/** The answer to a browser that asks before it calls; undefined when the request is none such. */
export function preflight(
  origins: readonly string[],
  methods: readonly string[],
  { method, headers }: CorsRequest,
): Headers | undefined {
  const asked = headers["access-control-request-method"];
  if (origins.length === 0 || method !== "OPTIONS" || asked === undefined) return undefined;
  const base = corsHeaders(origins, headers["origin"]);
  if (allowedOrigin(origins, headers["origin"]) === undefined) return base;
  const askedHeaders = headers["access-control-request-headers"];
  return [
    ...base,
    ["access-control-allow-methods", methods.length === 0 ? asked : methods.join(", ")],
    ...(askedHeaders === undefined
      ? []
      : [["access-control-allow-headers", askedHeaders] as const]),
    ["access-control-max-age", String(corsMaxAgeSeconds)],
  ];
}

function allowedOrigin(origins: readonly string[], origin: string | undefined): string | undefined {
  if (origin === undefined) return undefined;
  if (origins.includes(origin)) return origin;
  return origins.includes("*") ? "*" : undefined;
}
