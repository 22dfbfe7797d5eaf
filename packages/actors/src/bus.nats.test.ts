import assert from "node:assert/strict";
import { SpanKind, trace } from "@opentelemetry/api";
import {
  silentLogger,
  startTelemetry,
  systemClock,
  TidepoolError,
  withSpan,
} from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { connectBus } from "./bus.ts";
import type { Bus } from "./bus.ts";
import { aNats } from "./testing/a-nats.ts";
import type { TestNats } from "./testing/a-nats.ts";
import { until } from "./testing/until.ts";

const { AcquireRequest, AcquireReply, Ack } = tidepool.internal.v1;

describe("Bus", () => {
  let nats: TestNats;
  let bus: Bus;

  before(async () => {
    await startTelemetry("test", {});
    nats = await aNats();
    bus = nats.bus;
  });
  after(async () => {
    await nats.stop();
  });

  const ask = (
    subject: string,
    timeoutMs = 1_000,
  ): Promise<tidepool.internal.v1.AcquireReply.$Properties> =>
    bus.request(
      "acquire VM",
      subject,
      { codec: AcquireRequest, message: AcquireRequest.create({ requestId: "r-1" }) },
      AcquireReply,
      { timeoutMs },
    );

  it("carries a request, its deadline and its trace to the handler and the reply back", async () => {
    let seen: { deadlineAtMs: number | undefined; traceId: string | undefined } | undefined;
    const serving = bus.serve(
      "acquire VM",
      "t.ok",
      AcquireRequest,
      AcquireReply,
      (message, sent) => {
        seen = {
          deadlineAtMs: sent.deadlineAtMs,
          traceId: trace.getActiveSpan()?.spanContext().traceId,
        };
        return Promise.resolve(AcquireReply.create({ vmId: `for ${message.requestId}` }));
      },
    );
    const beganAtMs = Date.now();
    const traceId = await withSpan("caller", { kind: SpanKind.INTERNAL }, async (span) => {
      assert.equal((await ask("t.ok")).vmId, "for r-1");
      return span.spanContext().traceId;
    });
    assert.equal(seen?.traceId, traceId);
    assert.ok((seen?.deadlineAtMs ?? 0) >= beganAtMs + 1_000);
    await serving.stop();
  });

  it("hands the other side's failure to the caller with code, message and component", async () => {
    const serving = bus.serve("acquire VM", "t.fail", AcquireRequest, Ack, () =>
      Promise.reject(new TidepoolError("noCapacity", "host h-1 has 0 MiB free, vm needs 192")),
    );
    await assert.rejects(ask("t.fail"), (error: TidepoolError) => {
      assert.equal(error.code, "noCapacity");
      assert.equal(error.component, "scheduler");
      assert.match(error.message, /192/);
      return true;
    });
    await serving.stop();
  });

  it("says unavailable when nobody listens and timeout when nobody answers", async () => {
    await assert.rejects(ask("t.nobody"), { code: "unavailable" });
    const serving = bus.serve(
      "acquire VM",
      "t.slow",
      AcquireRequest,
      Ack,
      () => new Promise(() => {}),
    );
    await assert.rejects(ask("t.slow", 50), { code: "timeout", message: /50 ms/ });
    await serving.stop();
  });

  it("refuses bytes that are no message of the type, and goes on serving", async () => {
    const serving = bus.serve("acquire VM", "t.garbage", AcquireRequest, Ack, () =>
      Promise.resolve(Ack.create({})),
    );
    const reply = await bus.connection.request("t.garbage", Uint8Array.of(0xff, 0xff, 0xff));
    assert.equal(reply.headers?.get("tidepool-failure"), "invalid");
    await ask("t.garbage");
    await serving.stop();
  });

  it("comes back after an absence that is longer than a first connection may take", async () => {
    const connectMaxMs = 500;
    const { url: servers } = nats;
    const options = { name: "test", component: "host", logger: silentLogger } as const;
    const patient = await connectBus({ servers, connectMaxMs, ...options });
    await nats.restart(() => systemClock.sleep(3 * connectMaxMs));
    await until(() => patient.isConnected);
    await patient.close();
  });

  it("tells when its connection has ended for good, unless it was closed", async () => {
    let endedCount = 0;
    const options = { name: "test", component: "host", logger: silentLogger } as const;
    const onEnded = (): void => void (endedCount += 1);
    const busOf = (): Promise<Bus> => connectBus({ servers: nats.url, ...options, onEnded });
    await (await busOf()).close();
    const ended = await busOf();
    await ended.connection.close();
    await until(() => endedCount > 0);
    assert.equal(endedCount, 1);
  });
});
