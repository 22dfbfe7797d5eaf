/** What is refused before anything of a request is read, and what needs no token and has a limit all the same. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import { credentials, makeGenericClientConstructor, Metadata, status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { makeToken, silentLogger } from "@tidepool/common";
import { reflectionService } from "@tidepool/proto";
import { OpenRoom } from "./door/open-room.ts";
import { Health } from "./grpc/health.ts";
import { callsOfConnectionMax, metadataMaxBytes, reflectionQuestionsMax } from "./limits.ts";
import { failed } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { ask } from "./testing/ask.ts";

describe("Before a frontend's door", () => {
  const token = makeToken().text;
  let test: TestFrontend;
  let session: ClientHttp2Session;
  before(async () => {
    test = await aFrontend(token);
    session = connect(`http://${test.address}`);
    await once(session, "remoteSettings");
  });
  after(async () => {
    session.destroy();
    await test.stop();
  });

  /** What is answered to a call of which nothing but its headers is ever sent. */
  const answered = async (path: string, headers: object): Promise<readonly [string, string]> => {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const [told] = (await once(stream, "response")) as [Record<string, string>];
    stream.close();
    const message = decodeURIComponent(told["grpc-message"] ?? "");
    return [status[Number(told["grpc-status"])] ?? "", message];
  };

  for (const path of ["Invoke", "UploadCode", "GetLogs"])
    it(`refuses ${path} without a token that holds while nothing of the request has come`, async () => {
      for (const headers of [{}, { authorization: `Bearer ${makeToken().text}` }])
        assert.equal(
          (await answered(`/tidepool.v1.Tidepool/${path}`, headers))[0],
          "UNAUTHENTICATED",
        );
    });

  it("names the limit of metadata, and goes on with the connection", async () => {
    const headers = { authorization: `Bearer ${token}`, "x-much": "x".repeat(metadataMaxBytes) };
    const [code, message] = await answered("/tidepool.v1.Tidepool/Invoke", headers);
    assert.equal(code, "RESOURCE_EXHAUSTED");
    assert.match(message, new RegExp(`metadata has \\d+ bytes, the limit is ${metadataMaxBytes}`));
    assert.equal((await answered("/tidepool.v1.Tidepool/Invoke", {}))[0], "UNAUTHENTICATED");
  });

  it("refuses a name that is longer than any, whatever is asked of it", async () => {
    for (const [operation, request] of [
      ["GetInvocation", { requestId: "x".repeat(1_000_000) }],
      ["CancelInvocation", { requestId: "x".repeat(257) }],
      ["GetFunction", { name: "x".repeat(1_000_000) }],
      ["PurgeDeadLetters", { requestIds: ["x".repeat(5_000)] }],
    ] as const) {
      const failure = await failed(ask(test.client, operation, request));
      assert.equal(failure.code, "invalid");
      assert.match(failure.message, /the limit of names and ids is 256/);
    }
  });

  it("tells clients how many calls one connection has room for", () => {
    assert.equal(session.remoteSettings.maxConcurrentStreams, callsOfConnectionMax);
  });

  it("ends a stream of reflection that asks without end", async () => {
    const Client = makeGenericClientConstructor(reflectionService, "Reflection");
    const client = new Client(test.address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = reflectionService.serverReflectionInfo;
    const stream = client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
    );
    stream.resume();
    const failed = once(stream, "error") as Promise<[ServiceError]>;
    for (let count = 0; count <= reflectionQuestionsMax; count += 1)
      stream.write({ listServices: "" });
    const [error] = await failed;
    client.close();
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.match(error.details, new RegExp(`may ask ${reflectionQuestionsMax} questions`));
  });

  it("has room for so many watches of health, and for another when one has ended", () => {
    const health = new Health(silentLogger, new OpenRoom(2));
    const watch = () => {
      const errors: ServiceError[] = [];
      const call = Object.assign(new EventEmitter(), {
        request: {},
        write: () => true,
        end: () => {},
      });
      call.on("error", (error: ServiceError) => errors.push(error));
      health.watch(call as unknown as Parameters<Health["watch"]>[0]);
      return { call, errors };
    };
    const [first, second, third] = [watch(), watch(), watch()];
    assert.deepEqual([first.errors.length, second.errors.length], [0, 0]);
    assert.match(third.errors[0]?.details ?? "", /the limit is 2/);
    first.call.emit("cancelled");
    assert.equal(watch().errors.length, 0);
  });
});
