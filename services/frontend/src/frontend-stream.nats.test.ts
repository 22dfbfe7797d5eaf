import assert from "node:assert/strict";
import type { ClientReadableStream } from "@grpc/grpc-js";
import { until } from "@tidepool/actors/testing";
import { streamWindowBytes, tidepool, tidepoolService } from "@tidepool/proto";
import { answerPartMaxBytes } from "./limits.ts";
import { failureOf } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { chunkBytes, echo } from "./testing/a-host.ts";
import type { SeenCall } from "./testing/a-host.ts";

type Part = tidepool.v1.InvokePart.$Properties;

describe("A streamed answer", () => {
  let system: TestFrontend;

  before(async () => {
    system = await aFrontend();
    await system.aWarmFunction("talk", 4);
  });
  after(() => system.stop());
  beforeEach(() => {
    system.host.calls.length = 0;
    system.host.react = echo;
  });

  const invoke = (payload = "1"): ClientReadableStream<Part> =>
    system.client.stream(tidepoolService.invokeStream, {
      name: "talk",
      payload: Buffer.from(payload),
    });
  const begun = async (): Promise<SeenCall & { readonly callId: number }> => {
    await until(() => system.host.calls.length === 1);
    const [seen] = system.host.calls;
    assert.ok(seen !== undefined);
    return { ...seen, callId: seen.start.callId ?? 0 };
  };
  const begin = (callId: number) => ({
    answerBegin: { callId, contentType: "text/plain", metadata: Buffer.from('{"statusCode":201}') },
  });
  const result = (callId: number) => ({
    result: { callId, start: tidepool.v1.Start.START_WARM, vmId: "vm-1" },
  });
  const collect = (stream: ClientReadableStream<Part>) => {
    const parts: Part[] = [];
    stream.on("data", (part: Part) => parts.push(part));
    const ended = new Promise<unknown>((resolve) => {
      stream.on("end", () => resolve(undefined)).on("error", resolve);
    });
    return { parts, ended };
  };

  it("reaches its caller part by part, before it has ended", async () => {
    system.host.react = () => {};
    const { parts, ended } = collect(invoke());
    const { callId, answer, start } = await begun();
    assert.equal(start.isStreamed, true);
    answer(begin(callId));
    answer({ chunk: { callId, content: Buffer.from("first") } });
    await until(() => parts.length === 2);
    assert.equal(parts[0]?.begin?.contentType, "text/plain");
    assert.equal(Buffer.from(parts[0]?.begin?.metadata ?? []).toString(), '{"statusCode":201}');
    assert.equal(Buffer.from(parts[1]?.chunk ?? []).toString(), "first");
    answer(result(callId));
    assert.equal(await ended, undefined);
    assert.equal(parts[2]?.end?.vmId, "vm-1");
    assert.equal(parts[0]?.begin?.requestId, parts[2]?.end?.requestId);
  });

  it("of a function that does not stream is one part, or several where clients take no larger", async () => {
    const small = collect(invoke('{"a":1}'));
    await small.ended;
    assert.deepEqual(
      small.parts.map((part) => Object.keys(part).find((key) => key !== "part")),
      ["begin", "chunk", "end"],
    );
    const text = JSON.stringify("x".repeat(answerPartMaxBytes + 100));
    const large = collect(invoke(text));
    await large.ended;
    const chunks = large.parts.flatMap(({ chunk }) => (chunk ? [chunk] : []));
    assert.ok(Buffer.concat(chunks).equals(Buffer.from(text)));
    assert.ok(chunks.every(({ length }) => length <= answerPartMaxBytes));
  });

  it("that breaks off ends with its failure, after what came before", async () => {
    system.host.react = () => {};
    const { parts, ended } = collect(invoke());
    const { callId, answer } = await begun();
    answer(begin(callId));
    answer({ chunk: { callId, content: Buffer.from("half") } });
    const failure = { code: "functionError", message: "broke off", component: "function" };
    answer({ failure: { callId, failure, vmId: "vm-1" } });
    const seen = failureOf(await ended);
    assert.equal(seen.code, "functionError");
    assert.equal(seen.component, "function");
    assert.equal(parts.length, 2);
  });

  it("is ended at the host when its caller goes in the middle", async () => {
    system.host.react = () => {};
    const stream = invoke();
    collect(stream);
    const { callId, answer } = await begun();
    answer(begin(callId));
    stream.cancel();
    await until(() => system.host.cancelled.includes(callId));
  });

  it("gives its host room only as its caller takes it, and holds up no other call", async () => {
    system.host.react = () => {};
    const stream = invoke();
    const { parts } = collect(stream);
    const { callId, answer } = await begun();
    answer(begin(callId));
    await until(() => parts.length === 1);
    stream.pause();
    let sentBytes = 0;
    const room = () => streamWindowBytes + (system.host.credits.get(callId) ?? 0);
    const sendAll = (): void => {
      for (; sentBytes + chunkBytes <= room(); sentBytes += chunkBytes) {
        answer({ chunk: { callId, content: Buffer.alloc(chunkBytes) } });
      }
    };
    // What buffers on the way take ends some time; then no more room comes.
    let before = -1;
    while (before !== sentBytes) {
      before = sentBytes;
      sendAll();
      system.host.react = echo;
      assert.equal(
        Buffer.from((await system.client.invoke("talk", 7)).payload ?? []).toString(),
        "7",
      );
    }
    assert.ok(sentBytes < 64 * streamWindowBytes, `${sentBytes} bytes were taken by nobody`);
    const credited = system.host.credits.get(callId) ?? 0;
    stream.resume();
    await until(() => (system.host.credits.get(callId) ?? 0) > credited);
    stream.cancel();
  });
});
