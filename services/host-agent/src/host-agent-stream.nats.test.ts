import assert from "node:assert/strict";
import { credentials, makeGenericClientConstructor, status } from "@grpc/grpc-js";
import type { ClientDuplexStream } from "@grpc/grpc-js";
import { hostService, streamWindowBytes, subjects, tidepool } from "@tidepool/proto";
import { chunkMaxBytes, messageMaxBytes } from "./grpc/limits.ts";
import { SimulatedHypervisor } from "./simulated/simulated-hypervisor.ts";
import { HostHarness } from "./testing/host-harness.ts";

type FromFrontend = tidepool.internal.v1.FrontendMessage.$Properties;
type FromHost = tidepool.internal.v1.HostMessage.$Properties;

const HostClient = makeGenericClientConstructor(hostService, "Host");

/** One frontend's stream, message by message. */
class RawFrontend {
  readonly heard: FromHost[] = [];
  readonly stream: ClientDuplexStream<FromFrontend, FromHost>;
  private readonly client: InstanceType<typeof HostClient>;

  constructor(address: string) {
    this.client = new HostClient(address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = hostService.invocations;
    this.stream = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.stream.on("data", (message: FromHost) => this.heard.push(message));
    this.stream.on("error", () => {});
  }

  invoke(callId: number, simulated: object, more: object = {}): void {
    const payload = Buffer.from(JSON.stringify({ simulated }));
    this.stream.write({
      invoke: {
        callId,
        requestId: `s-${callId}`,
        functionName: "echo",
        version: "1",
        payloadBytes: payload.length,
        payload,
        ...more,
      },
    });
  }

  bytesOf(callId: number): number {
    const chunks = this.heard.flatMap(({ chunk }) => (chunk?.callId === callId ? [chunk] : []));
    return chunks.reduce((sum, { content }) => sum + (content?.length ?? 0), 0);
  }

  close(): void {
    this.stream.cancel();
    this.client.close();
  }
}

describe("A host's invocation stream", function () {
  let host: HostHarness;
  let frontend: RawFrontend;

  beforeEach(async () => {
    const makeHypervisor = (): SimulatedHypervisor =>
      new SimulatedHypervisor({ bootMs: 1, cloneMs: 1 });
    host = await HostHarness.start({ makeHypervisor });
    await host.assign();
    await host.assign();
    await host.until("two VMs", () => host.count("idle") === 2);
    frontend = new RawFrontend(host.agent.address);
  });
  afterEach(async () => {
    frontend.close();
    await host.stop();
  });

  it("carries an answer as the function writes it, no more than there is room for", async () => {
    const streamBytes = 3 * streamWindowBytes;
    frontend.invoke(1, { streamBytes }, { isStreamed: true });
    await host.until("a full window", () => frontend.bytesOf(1) === streamWindowBytes);
    assert.equal(frontend.heard[0]?.answerBegin?.contentType, "text/plain");
    assert.equal(
      Buffer.from(frontend.heard[0]?.answerBegin?.metadata ?? []).toString(),
      '{"statusCode":200}',
    );
    frontend.invoke(2, { runMs: 1 });
    await host.until("a call beside it", () =>
      frontend.heard.some(({ result }) => result?.callId === 2),
    );
    assert.equal(frontend.bytesOf(1), streamWindowBytes);
    frontend.stream.write({ credit: { callId: 1, bytes: chunkMaxBytes } });
    const more = streamWindowBytes + chunkMaxBytes;
    await host.until("one part more", () => frontend.bytesOf(1) === more);
    for (let sent = 0; sent < streamBytes; sent += chunkMaxBytes) {
      frontend.stream.write({ credit: { callId: 1, bytes: chunkMaxBytes } });
    }
    await host.until("the end", () => frontend.heard.some(({ result }) => result?.callId === 1));
    assert.equal(frontend.bytesOf(1), streamBytes);
  });

  it("tells a failure after the parts that came before it", async () => {
    frontend.invoke(1, { streamBytes: 100, failure: "throw" }, { isStreamed: true });
    await host.until("the failure", () => frontend.heard.some(({ failure }) => failure));
    assert.deepEqual(
      frontend.heard.map((message) => Object.keys(message).find((key) => key !== "message")),
      ["answerBegin", "chunk", "failure"],
    );
  });

  it("gathers the answer of a function that streams for a caller that waits for all of it", async () => {
    frontend.invoke(1, { streamBytes: 1_000 });
    await host.until("the result", () => frontend.heard.some(({ result }) => result));
    assert.equal(frontend.heard[0]?.result?.payload?.length, 1_000);
    frontend.invoke(2, { streamBytes: 6 * 1024 * 1024 + 1 });
    await host.until("the failure", () => frontend.heard.some(({ failure }) => failure));
    assert.equal(frontend.heard[1]?.failure?.failure?.code, "outputLimit");
  });

  it("ends a call in its guest when it is cancelled in the middle of its answer", async () => {
    frontend.invoke(1, { streamBytes: 2 * streamWindowBytes }, { isStreamed: true });
    await host.until("a full window", () => frontend.bytesOf(1) === streamWindowBytes);
    frontend.stream.write({ cancel: { callId: 1 } });
    await host.until("its VM has gone", () => host.agent.fleet.all().length === 1);
  });

  const runsLong = { runMs: 60_000 };
  for (const [what, flag] of [
    ["would be run again elsewhere", { endsWithStream: true }],
    ["streams its answer", { isStreamed: true }],
  ] as const) {
    it(`ends a call that ${what} when its frontend is lost`, async () => {
      frontend.invoke(1, runsLong, flag);
      await host.until("it runs", () => host.count("busy") === 1);
      frontend.close();
      await host.until("its VM has gone", () => host.agent.fleet.all().length === 1);
    });
  }

  it("takes the VM that was reserved for the attempt, not for the request", async () => {
    const vmId = await host.assign({ requestId: "attempt-7" });
    frontend.invoke(2, { runMs: 1 }, { vmId });
    await host.until("a result", () => frontend.heard.length === 1);
    assert.notEqual(frontend.heard[0]?.result?.vmId, vmId);
    frontend.invoke(1, {}, { vmId, attemptId: "attempt-7" });
    await host.until("both results", () => frontend.heard.length === 2);
    assert.equal(frontend.heard[1]?.result?.vmId, vmId);
  });

  it("ends with a message over the limit, and another frontend's does not", async () => {
    const other = new RawFrontend(host.agent.address);
    try {
      const ended = new Promise<{ code?: number }>((resolve) => {
        frontend.stream.once("error", resolve);
      });
      other.invoke(1, { runMs: 200 });
      frontend.stream.write({ chunk: { callId: 9, content: Buffer.alloc(messageMaxBytes + 1) } });
      assert.equal((await ended).code, status.RESOURCE_EXHAUSTED);
      await host.until("the other's result", () =>
        other.heard.some(({ result }) => result?.callId === 1),
      );
    } finally {
      other.close();
    }
  });

  it("tells a frontend whose stream broke what had come on it, and takes nothing more from it", async () => {
    const ended = async (streamId: string): Promise<number | undefined> => {
      const { EndStreamReply, EndStreamRequest } = tidepool.internal.v1;
      const asked = { codec: EndStreamRequest, message: { streamId } };
      const subject = subjects.endStream(host.hostId);
      return (await host.bus.request("end stream", subject, asked, EndStreamReply)).lastCallId;
    };
    await assert.rejects(ended("nobodys"), { code: "notFound" });
    frontend.stream.write({ ping: { streamId: "s-1" } });
    await host.until("a pong", () => frontend.heard.some(({ pong }) => pong));
    for (const callId of [1, 2]) frontend.invoke(callId, { runMs: 1 });
    await host.until("two results", () => frontend.heard.length === 3);
    assert.equal(await ended("s-1"), 2);
    frontend.invoke(3, { runMs: 1 });
    const other = new RawFrontend(host.agent.address);
    other.invoke(1, { runMs: 1 });
    await host.until("a call on another stream", () => other.heard.length === 1);
    assert.equal(frontend.heard.length, 3);
    frontend.close();
    assert.equal(await ended("s-1"), 2);
    other.close();
  });
});
