/** A real HTTP server on a free port, with the call behind it as a function of the test. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { silentLogger, systemClock, TidepoolError } from "@tidepool/common";
import type { FunctionUrl } from "../functions/call-settings.ts";
import { FunctionUrls } from "./function-urls.ts";
import type { FunctionUrlsOptions, HttpCall } from "./function-urls.ts";
import { bodyMaxBytes } from "./limits.ts";

type Event = Record<string, unknown> & { headers: Record<string, string> };

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const eventOf = ({ payload }: HttpCall): Event =>
  JSON.parse(Buffer.from(payload).toString()) as Event;
const echo: FunctionUrlsOptions["call"] = (call) => Promise.resolve(json(eventOf(call)));

describe("FunctionUrls", () => {
  let call = echo;
  let url: FunctionUrl | undefined;
  let urls: FunctionUrls;
  let base = "";

  before(async () => {
    urls = new FunctionUrls({
      address: "127.0.0.1:0",
      findUrl: (name) =>
        name === "gone"
          ? Promise.reject(new TidepoolError("notFound", "no function 'gone'"))
          : Promise.resolve(url),
      call: (...given) => call(...given),
      clock: systemClock,
      logger: silentLogger,
    });
    base = `http://${await urls.start()}/fn/hello`;
  });

  after(() => urls.stop());

  beforeEach(() => {
    call = echo;
    url = {};
  });

  it("gives the handler method, path, query, headers, cookies and client as Lambda's URLs do", async () => {
    const response = await fetch(`${base}/a%20b/c?x=1&x=2&y=%C3%BC`, {
      headers: { "X-Tag": "t", cookie: "a=1; b=2", "user-agent": "test" },
    });
    const event = (await response.json()) as Event;
    assert.equal(event["version"], "2.0");
    assert.equal(event["rawPath"], "/a%20b/c");
    assert.equal(event["rawQueryString"], "x=1&x=2&y=%C3%BC");
    assert.deepEqual(event["queryStringParameters"], { x: "1,2", y: "ü" });
    assert.deepEqual(event["cookies"], ["a=1", "b=2"]);
    assert.equal(event.headers["x-tag"], "t");
    assert.equal(event["isBase64Encoded"], false);
    assert.equal("body" in event, false);
    const { http, requestId, stage } = event["requestContext"] as Record<string, unknown>;
    assert.deepEqual(http, {
      method: "GET",
      path: "/a%20b/c",
      protocol: "HTTP/1.1",
      sourceIp: "127.0.0.1",
      userAgent: "test",
    });
    assert.equal(stage, "$default");
    assert.equal(response.headers.get("x-tidepool-request-id"), requestId);
  });

  it("gives text as it is, and everything else in base64", async () => {
    const bodies = [
      ["application/json; charset=utf-8", '{"ü":1}', false],
      ["text/plain", "ü", false],
      ["application/octet-stream", "\u0000", true],
      ["application/x-www-form-urlencoded", "a=1", true],
    ] as const;
    for (const [type, text, isBase64] of bodies) {
      const sent = { method: "POST", body: Buffer.from(text), headers: { "content-type": type } };
      const event = (await (await fetch(base, sent)).json()) as Event;
      assert.equal(event["isBase64Encoded"], isBase64, type);
      const body = Buffer.from(String(event["body"]), isBase64 ? "base64" : "utf8");
      assert.equal(body.toString(), text, type);
    }
    const broken = {
      method: "POST",
      body: Buffer.from([0xff]),
      headers: { "content-type": "text/plain" },
    };
    const event = (await (await fetch(base, broken)).json()) as Event;
    assert.deepEqual([event["body"], event["isBase64Encoded"]], ["/w==", true]);
  });

  it("answers with the status, headers, cookies and binary body of the function", async () => {
    const bytes = Buffer.from([0, 255, 1, 254]);
    call = () =>
      Promise.resolve(
        json({
          statusCode: 201,
          headers: { "Content-Type": "image/png", "X-N": 1, "Transfer-Encoding": "chunked" },
          cookies: ["a=1; HttpOnly", "b=2"],
          body: bytes.toString("base64"),
          isBase64Encoded: true,
        }),
      );
    const response = await fetch(base);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("content-type"), "image/png");
    assert.equal(response.headers.get("x-n"), "1");
    assert.equal(response.headers.get("content-length"), "4");
    assert.deepEqual(response.headers.getSetCookie(), ["a=1; HttpOnly", "b=2"]);
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  });

  it("answers 200 with the JSON of a value that is no HTTP answer", async () => {
    for (const value of ["text", null, [1], { a: 1 }, 0]) {
      call = () => Promise.resolve(json(value));
      const response = await fetch(base);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.deepEqual(await response.json(), value);
    }
  });

  for (const [what, answer] of [
    ["status", { statusCode: 42 }],
    ["status text", { statusCode: "ok" }],
    ["header name", { statusCode: 200, headers: { "a b": "1" } }],
    ["header value", { statusCode: 200, headers: { a: "1\r\nset-cookie: evil=1" } }],
  ] as const) {
    it(`answers 502 to a function whose ${what} HTTP cannot hold`, async () => {
      call = () => Promise.resolve(json(answer));
      const response = await fetch(base);
      assert.equal(response.status, 502);
      assert.equal(response.headers.get("set-cookie"), null);
      assert.match(JSON.stringify(await response.json()), /no HTTP answer/);
    });
  }

  it("streams: the first bytes arrive while the function still writes", async () => {
    const { promise: seen, resolve: noteSeen } = deferred();
    call = async (_call, sink) => {
      sink.begin("text/event-stream", json({ statusCode: 202, headers: { "x-a": "b" } }));
      await sink.write(Buffer.from("one\n"));
      await seen;
      await sink.write(Buffer.from("two\n"));
      return undefined;
    };
    const response = await fetch(base);
    assert.deepEqual([response.status, response.headers.get("x-a")], [202, "b"]);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), "one\n");
    noteSeen();
    assert.equal(Buffer.from((await reader.read()).value ?? []).toString(), "two\n");
    assert.equal((await reader.read()).done, true);
  });

  it("takes the type of a stream from its metadata where that has it", async () => {
    call = async (_call, sink) => {
      const headers = { "Content-Type": "text/html" };
      const type = "application/vnd.awslambda.http-integration-response";
      sink.begin(type, json({ statusCode: 200, headers, cookies: ["a=1"] }));
      await sink.write(Buffer.from("<p>"));
      return undefined;
    };
    const response = await fetch(base);
    assert.equal(response.headers.get("content-type"), "text/html");
    assert.deepEqual(response.headers.getSetCookie(), ["a=1"]);
    assert.equal(await response.text(), "<p>");
  });

  it("answers 502 to a stream whose metadata HTTP cannot hold", async () => {
    call = async (_call, sink) => {
      sink.begin("", json({ statusCode: 1_000 }));
      await sink.write(Buffer.from("x"));
      return undefined;
    };
    assert.equal((await fetch(base)).status, 502);
  });

  it("cuts a streamed answer off when the function fails in the middle of it", async () => {
    call = async (_call, sink) => {
      sink.begin("text/plain", new Uint8Array());
      await sink.write(Buffer.from("half"));
      throw new TidepoolError("timeout", "too long");
    };
    const response = await fetch(base);
    await assert.rejects(response.text());
  });

  for (const [code, status] of [
    ["timeout", 504],
    ["throttled", 429],
    ["tooLarge", 413],
    ["functionError", 502],
    ["guestCrash", 502],
    ["unavailable", 503],
    ["noCapacity", 503],
    ["notFound", 404],
    ["internal", 500],
  ] as const) {
    it(`answers ${status} to ${code}, with the request's id`, async () => {
      call = () =>
        Promise.reject(new TidepoolError(code, "what went wrong", { retryAfterMs: 2_500 }));
      const response = await fetch(base);
      assert.equal(response.status, status);
      const isBusy = status === 429 || status === 503;
      assert.equal(response.headers.get("retry-after"), isBusy ? "3" : null);
      const told = (await response.json()) as Record<string, string>;
      assert.equal(told["code"], code);
      assert.equal(told["requestId"], response.headers.get("x-tidepool-request-id"));
    });
  }

  it("does not tell strangers what the function threw", async () => {
    const thrown = { name: "Error", message: "password is 1234", stack: "at secret.js" };
    call = () => Promise.reject(new TidepoolError("functionError", thrown.message, { thrown }));
    assert.doesNotMatch(await (await fetch(base)).text(), /1234|secret/);
  });

  it("is not there without the setting, nor for unknown functions and other paths", async () => {
    url = undefined;
    const without = await fetch(base);
    assert.equal(without.status, 404);
    assert.match(await without.text(), /has no URL: its setting 'url'/);
    for (const path of ["/", "/fn/", "/fn/a.b/", "/fn/gone"]) {
      assert.equal((await fetch(new URL(path, base))).status, 404, path);
    }
  });

  it("answers to the methods of the setting alone", async () => {
    url = { methods: ["GET"] };
    assert.equal((await fetch(base)).status, 200);
    const refused = await fetch(base, { method: "DELETE" });
    assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET"]);
    assert.deepEqual(await whoAndWhy(refused), ["client", "invalid"]);
  });

  it("has no body for HEAD, and the length that GET would have", async () => {
    const response = await fetch(base, { method: "HEAD" });
    assert.equal(await response.text(), "");
    assert.ok(Number(response.headers.get("content-length")) > 100);
  });

  it("answers a browser that asks first by the setting, and calls nothing", async () => {
    url = { corsOrigins: ["https://a.example"], methods: ["GET", "PUT"] };
    call = () => Promise.reject(new Error("called"));
    const ask = (origin: string): Promise<Response> =>
      fetch(base, {
        method: "OPTIONS",
        headers: {
          origin,
          "access-control-request-method": "PUT",
          "access-control-request-headers": "x-tag",
        },
      });
    const allowed = await ask("https://a.example");
    assert.equal(allowed.status, 204);
    assert.equal(allowed.headers.get("access-control-allow-origin"), "https://a.example");
    assert.equal(allowed.headers.get("access-control-allow-methods"), "GET, PUT");
    assert.equal(allowed.headers.get("access-control-allow-headers"), "x-tag");
    const other = await ask("https://b.example");
    assert.equal(other.headers.get("access-control-allow-origin"), null);
  });

  it("lets the setting and not the function say which origin may read", async () => {
    url = { corsOrigins: ["https://a.example"] };
    call = () =>
      Promise.resolve(json({ statusCode: 200, headers: { "access-control-allow-origin": "*" } }));
    const from = (origin: string): Promise<Response> => fetch(base, { headers: { origin } });
    const header = "access-control-allow-origin";
    assert.equal((await from("https://a.example")).headers.get(header), "https://a.example");
    assert.equal((await from("https://b.example")).headers.get(header), null);
  });

  it("takes a body at the limit, and refuses one byte more, told or not", async () => {
    call = () => Promise.resolve(json(null));
    const post = (body: Buffer | ReadableStream): Promise<Response> =>
      fetch(base, {
        method: "POST",
        body,
        headers: { "content-type": "text/plain" },
        ...(body instanceof Buffer ? {} : { duplex: "half" }),
      } as RequestInit);
    // The event around a text body is small, and its limit is the same.
    assert.equal((await post(Buffer.alloc(bodyMaxBytes - 10_000, "a"))).status, 200);
    const refused = await post(Buffer.alloc(bodyMaxBytes + 1, "a"));
    assert.equal(refused.status, 413);
    assert.deepEqual(await whoAndWhy(refused), ["client", "payloadTooLarge"]);
    assert.equal(await statusOfChunked(base, bodyMaxBytes + 65_536), 413);
  });

  it("tells a client that asks before it sends that its body is too large", async () => {
    const asking = request(base, {
      method: "POST",
      headers: { expect: "100-continue", "content-length": bodyMaxBytes + 1 },
    });
    let isContinued = false;
    asking.on("continue", () => (isContinued = true));
    asking.on("error", () => {});
    asking.flushHeaders();
    const [response] = (await once(asking, "response")) as [{ statusCode: number }];
    asking.destroy();
    assert.deepEqual([response.statusCode, isContinued], [413, false]);
  });

  it("refuses headers over their limit", async () => {
    const response = await fetch(base, { headers: { "x-long": "a".repeat(20_000) } });
    assert.equal(response.status, 431);
  });

  it("cancels the call of a client that goes", async () => {
    const { promise: cancelled, resolve } = deferred();
    const { promise: begun, resolve: noteBegun } = deferred();
    call = (_call, _sink, signal) => {
      signal.addEventListener("abort", () => resolve());
      noteBegun();
      return new Promise(() => {});
    };
    const gone = new AbortController();
    const asked = fetch(base, { signal: gone.signal }).catch(() => {});
    await begun;
    gone.abort();
    await Promise.all([asked, cancelled]);
  });

  it("serves several requests on one connection", async () => {
    const { port, hostname } = new URL(base);
    const socket = connect(Number(port), hostname);
    const ask = "GET /fn/hello HTTP/1.1\r\nhost: x\r\n\r\n";
    let received = "";
    socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
    socket.write(ask);
    socket.write(ask.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"));
    await once(socket, "close");
    assert.equal(received.split("HTTP/1.1 200").length - 1, 2);
  });

  it("tells a CloudEvent from other requests, in headers or in the body", async () => {
    const attributes = { specversion: "1.0", id: "1", source: "/s", type: "t" };
    const binary = await fetch(base, {
      method: "POST",
      headers: {
        ...Object.fromEntries(Object.entries(attributes).map(([k, v]) => [`ce-${k}`, v])),
        "content-type": "application/json",
      },
      body: '{"n":1}',
    });
    const datacontenttype = "application/json";
    const expected = { ...attributes, datacontenttype, data: { n: 1 } };
    assert.deepEqual(((await binary.json()) as Event)["cloudEvent"], expected);
    const structured = (event: unknown): Promise<Response> =>
      fetch(base, {
        method: "POST",
        headers: { "content-type": "application/cloudevents+json" },
        body: JSON.stringify(event),
      });
    const whole = (await (await structured(expected)).json()) as Event;
    assert.deepEqual(whole["cloudEvent"], expected);
    assert.equal(whole["isBase64Encoded"], false);
    const { id: _, ...noId } = expected;
    const refused = await structured(noId);
    assert.deepEqual([refused.status, /has no id/.test(await refused.text())], [400, true]);
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

async function whoAndWhy(response: Response): Promise<readonly unknown[]> {
  const { component, reason } = (await response.json()) as Record<string, unknown>;
  return [component, reason];
}

/** Sends a body whose length nobody tells. */
async function statusOfChunked(url: string, bytes: number): Promise<number> {
  const sending = request(url, { method: "POST", headers: { "content-type": "text/plain" } });
  // What is refused early cannot all be sent.
  sending.on("error", () => {});
  const answered = once(sending, "response") as Promise<[{ statusCode: number }]>;
  for (let sent = 0; sent < bytes; sent += 65_536) sending.write(Buffer.alloc(65_536, "a"));
  sending.end();
  const [{ statusCode }] = await answered;
  return statusCode;
}
