/** Secrets, from the client to the guest, and nowhere in between to be read. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "@tidepool/actors/testing";
import { createLogger } from "@tidepool/common";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import type { FunctionSettings } from "@tidepool/sdk";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
const token = "tp-9b1f6c1e-very-secret-token";

describe("Secrets", () => {
  const spans = new InMemorySpanExporter();
  const tracing = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const logLines: string[] = [];
  let system: TestSystem;

  before(async () => {
    tracing.register();
    const destination = { write: (line: string) => void logLines.push(line) };
    const logger = createLogger({ service: "test", level: "debug", destination });
    system = await aSystem({ poolBaseTarget: 2, logger });
  });
  after(async () => {
    await system.stop();
    await tracing.shutdown();
  });

  const aFunction = async (name: string, secrets: Record<string, string>): Promise<void> => {
    const all: FunctionSettings = { ...settings, secrets };
    await system.client.createFunction(name, all);
    await system.client.uploadCode(name, echoZip);
  };

  it("reach the guest's environment, a new value with the next VM that is loaded", async () => {
    const { client } = system;
    await client.secrets.put("failure", "none");
    await aFunction("uses", { SIMULATED_FAILURE: "failure" });
    const first = await client.invoke("uses", 1);
    assert.equal((await client.invoke("uses", 2)).vmId, first.vmId);
    await client.secrets.put("failure", "throw");
    await until(async () => {
      await assert.rejects(client.invoke("uses", 3), { code: "functionError" });
      return true;
    });
  });

  it("are found in no file of NATS, no log line and no span, whatever is done with them", async () => {
    const { client } = system;
    await client.secrets.put("token", token);
    await aFunction("knows", { TOKEN: "token", SIMULATED_FAILURE: "failure" });
    await assert.rejects(client.invoke("knows", 1), { code: "functionError" });
    await client.secrets.put("failure", "none");
    await client.secrets.put("token", token);
    await client.invoke("knows", 2);
    const told = JSON.stringify([
      await client.getFunction("knows"),
      await client.secrets.list(),
      await client.getForecast("knows"),
    ]);
    const stored = await filesIn(system.dir);
    const traced = JSON.stringify(
      spans
        .getFinishedSpans()
        .map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
    );
    const places = { told, traced, logged: logLines.join(""), ...stored };
    assert.ok(Object.keys(stored).some((path) => path.includes("KV_tidepool_secrets")));
    assert.ok(traced.includes("load code") && places.logged.includes("VM phase"));
    for (const [place, text] of Object.entries(places)) {
      for (const form of [token, Buffer.from(token).toString("base64").slice(0, 20)]) {
        assert.ok(!text.includes(form), `${place} holds the secret`);
      }
    }
  });

  it("tell who uses them, and stay while a function names them", async () => {
    const { client } = system;
    const [failure, known] = await client.secrets.list();
    assert.deepEqual(
      [failure?.name, failure?.usedBy, known?.name, known?.usedBy],
      ["failure", ["knows", "uses"], "token", ["knows"]],
    );
    await assert.rejects(client.secrets.delete("token"), {
      code: "wrongPhase",
      reason: "secretInUse",
      message: /'token' is named by function 'knows'/,
    });
    await client.deleteFunction("knows");
    await until(async () => {
      await client.secrets.delete("token");
      return true;
    });
    await assert.rejects(client.secrets.delete("token"), { code: "notFound" });
  });

  it("must be there before a function names them", async () => {
    const { client } = system;
    const refused = { code: "invalid", reason: "secretMissing", message: "no secret 'nope'" };
    await assert.rejects(aFunction("wants", { TOKEN: "nope" }), refused);
    await assert.rejects(
      client.checkSettings("wants", { ...settings, secrets: { A: "nope" } }),
      refused,
    );
    await client.createFunction("wants", settings);
    await assert.rejects(
      client.updateFunction("wants", { ...settings, secrets: { A: "nope" } }),
      refused,
    );
  });

  it("have limits: 1 to 4096 bytes of text, under a name", async () => {
    const { secrets } = system.client;
    await secrets.put("large", "x".repeat(4_096));
    await assert.rejects(secrets.put("large", "x".repeat(4_097)), { code: "tooLarge" });
    await assert.rejects(secrets.put("empty", ""), { code: "invalid" });
    await assert.rejects(secrets.put("nul", "a\0b"), { code: "invalid" });
    await assert.rejects(secrets.put("no name", "x"), { code: "invalid" });
  });
});

async function filesIn(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found[path] = await readFile(path, "latin1");
  }
  return found;
}
