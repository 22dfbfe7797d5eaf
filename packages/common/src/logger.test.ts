import assert from "node:assert/strict";
import { SpanKind } from "@opentelemetry/api";
import { createLogger } from "./logger.ts";
import { startTelemetry, withSpan } from "./telemetry.ts";
import type { Telemetry } from "./telemetry.ts";

describe("createLogger", () => {
  let telemetry: Telemetry;
  before(async () => {
    telemetry = await startTelemetry("test", {});
  });
  after(() => telemetry.stop());

  const capture = (): { lines: Record<string, unknown>[]; write(text: string): void } => {
    const lines: Record<string, unknown>[] = [];
    return { lines, write: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>) };
  };

  it("writes one JSON line an event, with service, child fields and the active trace", async () => {
    const output = capture();
    const log = createLogger({ service: "frontend", destination: output }).child({ vmId: "vm-1" });
    const ids = await withSpan("work", { kind: SpanKind.INTERNAL }, (span) => {
      log.info("call routed", { hostId: "h-1" });
      return Promise.resolve(span.spanContext());
    });
    const { time, ...line } = output.lines[0] ?? {};
    assert.match(String(time), /^\d{4}-.*Z$/);
    assert.deepEqual(line, {
      level: "info",
      service: "frontend",
      vmId: "vm-1",
      hostId: "h-1",
      traceId: ids.traceId,
      spanId: ids.spanId,
      msg: "call routed",
    });
  });

  it("gives an error's message, stack and cause", () => {
    const output = capture();
    const error = new Error("outer", { cause: new Error("inner") });
    createLogger({ service: "x", destination: output }).error("failed", { error });
    assert.match(JSON.stringify(output.lines[0]), /outer.*inner/);
  });

  it("is quiet below its level", () => {
    const output = capture();
    createLogger({ service: "x", level: "warn", destination: output }).info("no");
    assert.equal(output.lines.length, 0);
  });
});
