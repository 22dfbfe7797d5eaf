/**
 * One call, one trace: from the client through frontend, NATS, scheduler and host-agent into the guest's run,
 * as an OTLP receiver gets it. A broken link shows as a second root or as a parent that nobody sent.
 */
import assert from "node:assert/strict";
import { startTelemetry } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { startOtlpReceiver } from "./otlp-receiver.ts";
import type { OtlpReceiver, ReceivedSpan } from "./otlp-receiver.ts";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { waitFor } from "./wait-for.ts";
import { zipOf } from "./zip.ts";

/** Those whose parent was not sent, or not yet. */
function orphans(spans: readonly ReceivedSpan[]): readonly ReceivedSpan[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  return spans.filter(({ parentSpanId }) => parentSpanId !== "" && !ids.has(parentSpanId));
}

describe("the trace of a call", function () {
  let receiver: OtlpReceiver;
  let system: RunningSystem;
  let telemetry: Telemetry;

  before(async () => {
    receiver = await startOtlpReceiver();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
    // The exporter reads the process's own environment.
    Object.assign(process.env, env);
    telemetry = await startTelemetry("client");
    system = await startSystem({ hypervisor: "simulated", env });
  });
  after(async () => {
    await system?.stop();
    await telemetry?.stop();
    await receiver?.stop();
    for (const name of Object.keys(process.env)) {
      if (name.startsWith("OTEL_")) delete process.env[name];
    }
  });

  it("is one tree over all processes, with the guest's run inside the host's part", async () => {
    const { client } = system;
    await client.createFunction("traced", { runtime: "nodejs20", handler: "index.handler" });
    await client.uploadCode("traced", await zipOf({ "index.js": "exports.handler = (e) => e" }));
    await client.invoke("traced", 1);

    const services = ["client", "tidepool-frontend", "tidepool-scheduler", "tidepool-host-agent"];
    const trace = await waitFor<ReceivedSpan[]>(
      "a trace over all services, with each span's parent",
      () => {
        const root = receiver.spans.find(
          ({ service, name }) => service === "client" && /invoke/i.test(name),
        );
        return receiver.spans.filter(({ traceId }) => traceId === root?.traceId);
      },
      (spans) =>
        services.every((service) => spans.some((span) => span.service === service)) &&
        spans.some(({ name }) => name === "run function") &&
        orphans(spans).length === 0,
    );
    const roots = trace.filter(({ parentSpanId }) => parentSpanId === "");
    assert.deepEqual(
      roots.map(({ service }) => service),
      ["client"],
    );
    const run = trace.find(({ name }) => name === "run function");
    const parent = trace.find(({ spanId }) => spanId === run?.parentSpanId);
    assert.equal(parent?.service, "tidepool-host-agent");
  });
});
