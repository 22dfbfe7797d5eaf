/** CloudEvents 1.0 coming in, over HTTP or NATS: attributes in ce-headers (binary), or all in a JSON body (structured). */
import { TidepoolError, given, messageOf } from "@tidepool/common";

const structuredType = "application/cloudevents+json";
const required = ["specversion", "id", "source", "type"];

/** Undefined for a request that is none. @throws TidepoolError `invalid` */
export function cloudEventOf(
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Record<string, unknown> | undefined {
  const type = mediaType(headers["content-type"]);
  if (type === structuredType) return checked(parseStructured(body));
  if (headers["ce-specversion"] === undefined) return undefined;
  return checked({ ...attributes(headers), ...data(type, headers, body) });
}

function attributes(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  const found = Object.entries(headers)
    .filter(([name]) => /^ce-[a-z0-9]+$/.test(name))
    .map(([name, value]) => [name.slice(3), percentDecoded(value)]);
  const contentType = headers["content-type"];
  return {
    ...(Object.fromEntries(found) as Record<string, string>),
    ...given({ datacontenttype: contentType }),
  };
}

function data(
  type: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
): Record<string, unknown> {
  if (body.byteLength === 0) return {};
  const bytes = Buffer.from(body);
  if (headers["content-encoding"] !== undefined) return { data_base64: bytes.toString("base64") };
  if (/^application\/(json|.*\+json)$/.test(type)) return { data: parseJson("data", body) };
  return type.startsWith("text/")
    ? { data: bytes.toString() }
    : { data_base64: bytes.toString("base64") };
}

function parseStructured(body: Uint8Array): Record<string, unknown> {
  const parsed = parseJson("body", body);
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
    return parsed as Record<string, unknown>;
  }
  throw new TidepoolError("invalid", "a CloudEvent must be a JSON object");
}

function checked(event: Record<string, unknown>): Record<string, unknown> {
  const missing = required.filter((name) => typeof event[name] !== "string" || event[name] === "");
  if (missing.length > 0) {
    throw new TidepoolError("invalid", `the CloudEvent has no ${missing.join(", no ")}`);
  }
  if (event["specversion"] !== "1.0") {
    throw new TidepoolError("invalid", "the CloudEvent's specversion is not 1.0");
  }
  return event;
}

function parseJson(what: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    const message = `the CloudEvent's ${what} is not JSON: ${messageOf(error)}`;
    throw new TidepoolError("invalid", message, { cause: error });
  }
}

function mediaType(contentType: string | undefined): string {
  return contentType?.split(";")[0]?.trim().toLowerCase() ?? "";
}

/** Values that headers cannot hold come percent-encoded. */
function percentDecoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
