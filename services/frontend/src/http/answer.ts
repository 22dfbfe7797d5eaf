/**
 * A handler's answer as an HTTP answer. An object with a statusCode is one; any other value is the body of a 200,
 * as JSON.
 */
import { TidepoolError } from "@tidepool/common";

export interface HttpAnswer {
  readonly status: number;
  /** Names as the function gave them; a name may come again. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
}

/** The connection's own, which the server sets. */
const hopByHop = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** @throws TidepoolError `functionError` for what cannot be sent as HTTP */
export function httpAnswer(payload: Uint8Array): HttpAnswer {
  const value = JSON.parse(Buffer.from(payload).toString()) as unknown;
  if (!isRecord(value) || !("statusCode" in value)) {
    return { status: 200, headers: [["content-type", "application/json"]], body: payload };
  }
  return { ...answerHead(value), body: bodyOf(value) };
}

/** Status and headers of an answer whose body comes apart. @throws TidepoolError `functionError` */
export function answerHead(value: Readonly<Record<string, unknown>>): Omit<HttpAnswer, "body"> {
  const headers = [
    ...single(value["headers"]),
    ...several(value["multiValueHeaders"]),
    ...cookiesOf(value["cookies"]),
  ].filter(([name]) => !hopByHop.has(name.toLowerCase()));
  for (const [name, text] of headers) checkHeader(name, text);
  const hasType = headers.some(([name]) => name.toLowerCase() === "content-type");
  return {
    status: statusOf(value["statusCode"]),
    headers: hasType ? headers : [["content-type", "application/json"], ...headers],
  };
}

function statusOf(given: unknown): number {
  const status = typeof given === "string" ? Number(given) : given;
  if (typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599) {
    return status;
  }
  throw malformed(`statusCode ${JSON.stringify(given)} is not 200 to 599`);
}

function single(given: unknown): [string, string][] {
  if (!isRecord(given)) return [];
  return Object.entries(given).flatMap(([name, value]) =>
    Array.isArray(value) ? listed(name, value) : [[name, String(value)]],
  );
}

function several(given: unknown): [string, string][] {
  if (!isRecord(given)) return [];
  return Object.entries(given).flatMap(([name, values]) =>
    Array.isArray(values) ? listed(name, values) : [],
  );
}

function cookiesOf(given: unknown): [string, string][] {
  return Array.isArray(given) ? listed("set-cookie", given) : [];
}

function listed(name: string, values: readonly unknown[]): [string, string][] {
  return values.map((value) => [name, String(value)]);
}

function checkHeader(name: string, value: string): void {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    throw malformed(`'${name.slice(0, 80)}' cannot be a header's name`);
  }
  // eslint-disable-next-line no-control-regex -- these are what a header must not hold
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    throw malformed(`header '${name}' has a value that a header cannot hold`);
  }
}

function bodyOf({ body, isBase64Encoded }: Readonly<Record<string, unknown>>): Uint8Array {
  if (body === undefined || body === null) return new Uint8Array();
  if (typeof body !== "string") return Buffer.from(JSON.stringify(body));
  return Buffer.from(body, isBase64Encoded === true ? "base64" : "utf8");
}

function malformed(why: string): TidepoolError {
  return new TidepoolError("functionError", `the function's answer is no HTTP answer: ${why}`, {
    component: "function",
    reason: "malformedAnswer",
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
