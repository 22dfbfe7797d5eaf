/**
 * A request as the event that a handler gets: the payload format 2.0 of Lambda's function URLs, so that handlers
 * written for those run as they are. A request that is a CloudEvent has that beside, as `cloudEvent`.
 */
import { given } from "@tidepool/common";
import { cloudEventOf } from "../triggers/cloud-event.ts";

export interface HttpRequest {
  readonly method: string;
  /** After the function's own part, with the leading slash; as it was sent. */
  readonly rawPath: string;
  /** Without the question mark; as it was sent. */
  readonly rawQuery: string;
  /** Names and values in turn, as they were sent. */
  readonly rawHeaders: readonly string[];
  readonly body: Uint8Array;
  readonly protocol: string;
  readonly sourceIp: string;
}

export interface RequestNames {
  readonly functionName: string;
  readonly requestId: string;
  readonly atMs: number;
}

/** @throws TidepoolError `invalid` when it claims to be a CloudEvent and is none */
export function httpEvent(request: HttpRequest, names: RequestNames): Record<string, unknown> {
  const { headers, cookies } = foldHeaders(request.rawHeaders);
  const query = foldQuery(request.rawQuery);
  const cloudEvent = cloudEventOf(headers, request.body);
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: request.rawPath,
    rawQueryString: request.rawQuery,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers,
    ...given({ queryStringParameters: query }),
    requestContext: requestContext(request, names, headers),
    ...encodeBody(request.body, headers),
    ...given({ cloudEvent }),
  };
}

function requestContext(
  { method, rawPath, protocol, sourceIp }: HttpRequest,
  { functionName, requestId, atMs }: RequestNames,
  headers: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const domainName = headers["host"] ?? "";
  return {
    accountId: "anonymous",
    apiId: functionName,
    domainName,
    domainPrefix: domainName.split(".")[0] ?? "",
    http: {
      method,
      path: rawPath,
      protocol,
      sourceIp,
      userAgent: headers["user-agent"] ?? "",
    },
    requestId,
    routeKey: "$default",
    stage: "$default",
    time: logTime(atMs),
    timeEpoch: Math.round(atMs),
  };
}

/** Names in lower case, repeated ones joined by commas; cookies apart, each on its own. */
export function foldHeaders(raw: readonly string[]): {
  readonly headers: Record<string, string>;
  readonly cookies: readonly string[];
} {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase();
    const value = raw[index + 1] ?? "";
    if (name === "cookie") cookies.push(...value.split(/;\s*/).filter((part) => part !== ""));
    const before = headers.get(name);
    const joined = name === "cookie" ? "; " : ",";
    headers.set(name, before === undefined ? value : `${before}${joined}${value}`);
  }
  // Of own keys only, so that a header named "__proto__" is one like any other.
  return { headers: Object.fromEntries(headers), cookies };
}

/** Undefined where there is none. A name that comes again has its values joined by commas. */
function foldQuery(rawQuery: string): Record<string, string> | undefined {
  if (rawQuery === "") return undefined;
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQuery)) {
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(values);
}

function encodeBody(
  body: Uint8Array,
  headers: Readonly<Record<string, string>>,
): Record<string, unknown> {
  if (body.byteLength === 0) return { isBase64Encoded: false };
  const text = isText(headers) ? decodeUtf8(body) : undefined;
  return text === undefined
    ? { body: Buffer.from(body).toString("base64"), isBase64Encoded: true }
    : { body: text, isBase64Encoded: false };
}

/** Forms come encoded, as they do from Lambda. */
function isText(headers: Readonly<Record<string, string>>): boolean {
  const encoding = headers["content-encoding"] ?? "identity";
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (encoding !== "identity") return false;
  return /^(text\/.*|application\/(json|xml|javascript|ecmascript|.*\+json|.*\+xml))$/.test(type);
}

export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** "12/Mar/2020:19:03:58 +0000" */
function logTime(atMs: number): string {
  const [, day, month, year, time] =
    /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(atMs).toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}
