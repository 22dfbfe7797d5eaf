/** What is refused before any function is called, on a real socket. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { silentLogger, systemClock, TidepoolError } from "@tidepool/common";
import { httpFailure } from "./failure.ts";
import { FunctionUrls } from "./function-urls.ts";
import { headersMaxBytes, headersMaxCount } from "./limits.ts";

describe("FunctionUrls, of what they refuse", () => {
  let urls: FunctionUrls;
  let port = 0;

  before(async () => {
    urls = new FunctionUrls({
      address: "127.0.0.1:0",
      findUrl: () => Promise.resolve({}),
      call: () => Promise.resolve(Buffer.from("1")),
      clock: systemClock,
      logger: silentLogger,
    });
    port = Number((await urls.start()).split(":")[1]);
  });

  after(() => urls.stop());

  const exchange = async (text: string): Promise<string> => {
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    // The server may end the connection before all is written.
    socket.on("error", () => undefined);
    socket.write(text);
    await once(socket, "close");
    return answer;
  };

  const refused: [what: string, request: string, status: number, says: RegExp][] = [
    [
      "what is no HTTP",
      "hello\r\n\r\n",
      400,
      /"code":"invalid","message":"this is no HTTP request/,
    ],
    [
      "headers over their limit",
      `GET /fn/f/ HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(headersMaxBytes)}\r\n\r\n`,
      431,
      /limit of 16384 bytes/,
    ],
    [
      "more headers than their limit",
      `GET /fn/f/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${"x: y\r\n".repeat(headersMaxCount)}\r\n`,
      431,
      /more than 100 headers, the limit/,
    ],
    [
      "a method that functions do not know",
      "TRACE /fn/f/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
      405,
      /^allow: GET, HEAD, POST/im,
    ],
    ["a tunnel", "CONNECT /fn/f/ HTTP/1.1\r\nhost: a\r\n\r\n", 405, /nothing is connected to/],
    [
      "a request to no host",
      "GET /fn/f/ HTTP/1.1\r\nconnection: close\r\n\r\n",
      400,
      /no header 'host'/,
    ],
  ];
  for (const [what, request, status, says] of refused) {
    it(`says why, with a request id, of ${what}`, async () => {
      const answer = await exchange(request);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
      assert.match(answer, says);
      const [, id] = /^x-tidepool-request-id: (\S+)\r$/im.exec(answer) ?? [];
      assert.match(answer, new RegExp(`"requestId":"${id}"`));
    });
  }

  const retryAfter = (error: TidepoolError): string | undefined =>
    httpFailure(error, "id")
      .headers.find(([name]) => name === "retry-after")
      ?.at(1);

  it("names a time for all that are throttled but a stopped function", () => {
    const throttled = (reason: string) => new TidepoolError("throttled", "x", { reason });
    assert.equal(retryAfter(throttled("functionRate")), "1");
    assert.equal(retryAfter(throttled("functionStopped")), undefined);
  });

  it("names no time for a call that may have run: a client would send it again by itself", () => {
    const lost = (mayHaveStarted: boolean) =>
      new TidepoolError("unavailable", "x", { details: { mayHaveStarted } });
    assert.equal(retryAfter(lost(false)), "1");
    assert.equal(retryAfter(lost(true)), undefined);
  });
});
