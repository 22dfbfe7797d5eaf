import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connectBus, ensureStorage, startNatsServer } from "@tidepool/actors";
import type { Bus, NatsServer } from "@tidepool/actors";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { FrontendClient } from "./testing/frontend-client.ts";
import { zipOf } from "./testing/zip.ts";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const { AssignRequest, AssignReply } = tidepool.internal.v1;

describe("The host-agent as a process", function () {
  const spans: Span[] = [];
  const lines: Record<string, unknown>[] = [];
  let dir: string;
  let nats: NatsServer;
  let bus: Bus;
  let receiver: Server;
  let child: ChildProcess;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-main-"));
    nats = await startNatsServer({ storeDir: join(dir, "nats") });
    bus = await connectBus({
      servers: nats.url,
      name: "test",
      component: "scheduler",
      logger: silentLogger,
    });
    receiver = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString()) as OtlpTraces;
        for (const { scopeSpans } of resourceSpans) {
          for (const scope of scopeSpans) spans.push(...scope.spans);
        }
        response.setHeader("content-type", "application/json").end("{}");
      });
    }).listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const { port } = receiver.address() as AddressInfo;
    child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", main], {
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        ...process.env,
        TIDEPOOL_NATS_URL: nats.url,
        TIDEPOOL_HOST_ID: "h-main",
        TIDEPOOL_HYPERVISOR: "simulated",
        TIDEPOOL_STATE_DIR: dir,
        TIDEPOOL_POOL_BASE_TARGET: "1",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
      },
    });
  });
  after(async () => {
    child.kill("SIGKILL");
    receiver.closeAllConnections();
    receiver.close();
    await bus.close();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const ready = async (): Promise<string> => {
    assert.ok(child.stderr);
    for await (const text of createInterface({ input: child.stderr })) {
      const line = JSON.parse(text) as Record<string, unknown>;
      lines.push(line);
      if (line["msg"] === "ready") return String(line["address"]);
    }
    throw new Error(`ended before it was ready: ${JSON.stringify(lines)}`);
  };

  it("says that it simulates, serves calls in one trace with the caller's, and ends at SIGTERM", async () => {
    const address = await ready();
    assert.ok(lines.some(({ msg }) => String(msg).includes("simulated")));

    const storage = await ensureStorage(bus);
    const zip = zipOf([{ path: "index.js", content: "exports.handler = (e) => e;" }]);
    const digest = createHash("sha256").update(zip).digest("hex");
    await storage.code.putBlob({ name: digest }, zip);
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    const { vmId } = await bus.request(
      "assign VM",
      subjects.assignVm("h-main"),
      {
        codec: AssignRequest,
        message: AssignRequest.create({
          shard: 0,
          epoch: 1,
          assignmentId: "r-1",
          requestId: "r-1",
          function: { name: "echo", version: "1", codeDigest: digest, settings },
        }),
      },
      AssignReply,
    );
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const parent = "00f067aa0ba902b7";
    const frontend = new FrontendClient(address);
    const answer = await frontend.invoke("echo", 7, {
      requestId: "r-1",
      vmId: vmId ?? "",
      traceparent: `00-${traceId}-${parent}-01`,
    });
    frontend.close();
    assert.equal(answer.value, 7);

    child.stderr?.resume();
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number | null];
    assert.equal(code, 0);

    const invoke = spans.find(({ name }) => name === "invoke");
    assert.equal(invoke?.traceId, traceId);
    assert.equal(invoke?.parentSpanId, parent);
    const run = spans.find(({ name }) => name === "run function");
    assert.equal(run?.parentSpanId, invoke?.spanId);
    const serve = spans.find(({ name }) => name === "serve assign VM");
    const load = spans.find(({ name }) => name === "load code");
    assert.ok(serve && load);
    assert.equal(load.parentSpanId, serve.spanId);
  });
});
