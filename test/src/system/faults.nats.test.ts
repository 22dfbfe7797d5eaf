/** Faults, injected one by one into a whole system: each names who failed, why, and what the call's status is. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectBus, ensureStorage } from "@tidepool/actors";
import type { Bus, Storage } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { codes, newKey, reasons, silentLogger, TidepoolError } from "@tidepool/common";
import type { Code, Component } from "@tidepool/common";
import { callDetails } from "@tidepool/sdk";
import type { FunctionSettings, InvokeOptions } from "@tidepool/sdk";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { waitFor } from "./wait-for.ts";
import { echoZip } from "./a-system.ts";

interface Expected {
  readonly code: Code;
  readonly component: Component;
  readonly reason: string;
  readonly http: number;
  readonly hasRetryAfter?: boolean;
}

describe("Faults", function () {
  let dir: string;
  let system: RunningSystem;
  let bus: Bus;
  let storage: Storage;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-faults-"));
    const keyFile = join(dir, "secrets.key");
    await writeFile(keyFile, newKey(), { mode: 0o600 });
    const env = { TIDEPOOL_SECRETS_KEY_FILE: keyFile, TIDEPOOL_VM_COUNT_MAX: "4" };
    system = await startSystem({ hypervisor: "simulated", env });
    bus = await connectBus({
      servers: system.natsUrl,
      name: "faults",
      component: "client",
      logger: silentLogger,
    });
    storage = await ensureStorage(bus);
    await aFunction("f");
    await until(async () => (await system.client.invoke("f", 1)).payload === 1);
  });
  after(async () => {
    await bus?.close();
    await system?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const aFunction = async (
    name: string,
    failure = "",
    settings: Partial<FunctionSettings> = {},
  ): Promise<string> => {
    const environment = failure === "" ? {} : { SIMULATED_FAILURE: failure };
    const all = { runtime: "nodejs20", handler: "index.handler", environment, ...settings };
    await system.client.createFunction(name, all);
    return (await system.client.uploadCode(name, echoZip)).codeDigest ?? "";
  };

  /** One call, sent once, and what came of it. */
  const fault = async (
    name: string,
    expected: Expected,
    payload: unknown = 1,
    options: InvokeOptions = {},
  ): Promise<TidepoolError> => {
    const requestId = randomUUID();
    const call = system.client.invoke(name, payload, { ...options, requestId, attemptsMax: 1 });
    return confirm(call, expected, requestId);
  };

  const confirm = async (
    work: Promise<unknown>,
    { code, component, reason, http, hasRetryAfter = false }: Expected,
    requestId: string | undefined,
  ): Promise<TidepoolError> => {
    const error: unknown = await work.then(
      () => new Error("it did not fail"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof TidepoolError, String(error));
    assert.deepEqual(
      [error.code, error.component, error.reason],
      [code, component, reason],
      error.message,
    );
    assert.equal(codes[error.code].http, http);
    assert.ok([...reasons, ...Object.keys(codes)].includes(error.reason ?? ""), error.reason);
    assert.equal((error.retryAfterMs ?? 0) > 0, hasRetryAfter, `retry after ${error.retryAfterMs}`);
    const told = callDetails(error).requestId ?? "";
    if (requestId === undefined) assert.match(told, /^[0-9a-f-]{36}$/);
    else assert.equal(told, requestId);
    return error;
  };

  it("a payload that is too large", () =>
    fault(
      "f",
      { code: "tooLarge", component: "client", reason: "payloadTooLarge", http: 413 },
      "x".repeat(6 * 1024 * 1024),
    ));

  it("an unknown function, also where nothing is invoked", async () => {
    const expected = {
      code: "notFound",
      component: "client",
      reason: "functionUnknown",
      http: 404,
    } as const;
    await fault("nobody", expected);
    await confirm(system.client.getFunction("nobody"), expected, undefined);
  });

  it("an unknown version, and an unknown alias", async () => {
    const expected = { code: "notFound", component: "client", http: 404 } as const;
    await fault("f", { ...expected, reason: "versionUnknown" }, 1, { qualifier: "99" });
    await fault("f", { ...expected, reason: "aliasUnknown" }, 1, { qualifier: "nope" });
  });

  it("settings that cannot be, with a request id of the frontend's", () =>
    confirm(
      system.client.createFunction("g", { runtime: "cobol", handler: "index.handler" }),
      { code: "invalid", component: "client", reason: "invalid", http: 400 },
      undefined,
    ));

  it("a function without code", async () => {
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    await system.client.createFunction("empty", settings);
    await fault("empty", { code: "notFound", component: "client", reason: "noCode", http: 404 });
  });

  it("a function that is stopped", async () => {
    await aFunction("stopped", "", { reservedConcurrency: 0 });
    await fault("stopped", {
      code: "throttled",
      component: "frontend",
      reason: "functionStopped",
      http: 429,
    });
  });

  it("a rate that is reached", async () => {
    await aFunction("rated", "", { rateLimit: { callsPerSecond: 0.01, burst: 1 } });
    await system.client.invoke("rated", 1);
    const error = await fault("rated", {
      code: "throttled",
      component: "frontend",
      reason: "functionRate",
      http: 429,
      hasRetryAfter: true,
    });
    assert.ok((error.retryAfterMs ?? 0) > 90_000);
  });

  it("no capacity within the time of the call", async () => {
    await aFunction("hog", "", { environment: { SIMULATED_RUN_MS: "4000" } });
    const hogs = [1, 2, 3, 4].map((each) => system.client.invoke("hog", each));
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) return pools[0]?.busy === 4;
      return false;
    });
    await fault(
      "f",
      {
        code: "noCapacity",
        component: "scheduler",
        reason: "hostsFull",
        http: 503,
        hasRetryAfter: true,
      },
      1,
      { timeoutMs: 600 },
    );
    await Promise.all(hogs);
  });

  const ofFunction: Record<string, [string, Expected, number?]> = {
    "a function that throws": [
      "throw",
      { code: "functionError", component: "function", reason: "threw", http: 502 },
    ],
    "an init that throws": [
      "load",
      { code: "functionError", component: "function", reason: "initFailed", http: 502 },
    ],
    "a process that exits": [
      "exit",
      { code: "guestCrash", component: "guest", reason: "processEnded", http: 502 },
    ],
    "a function over its memory": [
      "oom",
      { code: "memoryLimit", component: "function", reason: "memory", http: 502 },
    ],
    "a function that prints too much": [
      "output",
      { code: "outputLimit", component: "function", reason: "printedTooMuch", http: 502 },
    ],
    "an answer that is too large": [
      "answer",
      { code: "outputLimit", component: "function", reason: "answerTooLarge", http: 502 },
    ],
    "a function over its time": [
      "hang",
      { code: "timeout", component: "function", reason: "runTimeout", http: 504 },
      300,
    ],
  };
  for (const [what, [failure, expected, timeoutMs = 30_000]] of Object.entries(ofFunction)) {
    it(what, async () => {
      await aFunction(`does-${failure}`, failure, { timeoutMs });
      await fault(`does-${failure}`, expected);
    });
  }

  it("a caller's deadline that passes while the function runs", async () => {
    await aFunction("slow", "hang");
    const code = "timeout";
    await fault("slow", { code, component: "client", reason: "callDeadline", http: 504 }, 1, {
      timeoutMs: 1_500,
    });
  });

  it("code that is not in the store", async () => {
    await system.client.createFunction("lost", { runtime: "nodejs20", handler: "index.handler" });
    const other = Buffer.concat([echoZip]);
    const zip = Buffer.from(other);
    // Another date in both headers is another digest.
    for (const at of [12, zip.indexOf("PK\x01\x02") + 14]) zip[at] = (zip[at] ?? 0) ^ 1;
    const { codeDigest } = await system.client.uploadCode("lost", zip);
    await storage.code.delete((codeDigest ?? "").replace("sha256:", ""));
    await fault("lost", { code: "notFound", component: "host", reason: "codeMissing", http: 404 });
  });

  it("a secret that has gone from the store", async () => {
    await system.client.secrets.put("token", "t");
    await aFunction("secretive", "", { secrets: { TOKEN: "token" } });
    await storage.secrets.delete("token");
    await fault("secretive", {
      code: "notFound",
      component: "host",
      reason: "secretMissing",
      http: 404,
    });
  });

  it("a host that ends in the middle of a call", async () => {
    const call = fault(
      "slow",
      { code: "unavailable", component: "host", reason: "hostLost", http: 503 },
      1,
      { timeoutMs: 20_000 },
    );
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) return (pools[0]?.busy ?? 0) > 0;
      return false;
    });
    system.process("host-agent").kill("SIGKILL");
    await call;
  });

  it("no host at all", async () => {
    system.process("host-agent").kill("SIGKILL");
    await waitFor(
      "hosts gone",
      async () => {
        const options = { attemptsMax: 1, timeoutMs: 3_000 };
        return system.client.invoke("f", 1, options).catch((error: unknown) => error);
      },
      (error) => error instanceof TidepoolError && error.reason === "noHost",
    );
  });

  it("a scheduler that is away", async () => {
    // A call of "f" may find a VM that is kept, and needs no scheduler then.
    await aFunction("never-called");
    system.process("scheduler").kill("SIGKILL");
    await waitFor(
      "the scheduler gone",
      () =>
        system.client
          .invoke("never-called", 1, { attemptsMax: 1, timeoutMs: 2_000 })
          .catch((error: unknown) => error),
      (error) => error instanceof TidepoolError && error.component === "scheduler",
    );
    await fault(
      "never-called",
      {
        code: "unavailable",
        component: "scheduler",
        reason: "schedulerSilent",
        http: 503,
        hasRetryAfter: true,
      },
      1,
      { timeoutMs: 3_000 },
    );
  });

  it("NATS that is away", async () => {
    await aFunction("nor-this");
    await system.stopNats();
    await until(() => !bus.isConnected);
    await until(async () => {
      const error: unknown = await system.client
        .invoke("nor-this", 1, { attemptsMax: 1, timeoutMs: 2_000 })
        .catch((thrown: unknown) => thrown);
      return error instanceof TidepoolError && error.reason === "natsAway";
    });
    const expected = {
      code: "unavailable",
      component: "frontend",
      reason: "natsAway",
      http: 503,
      hasRetryAfter: true,
    } as const;
    await fault("nor-this", expected, 1, { timeoutMs: 2_000 });
    await system.startNats();
    await until(() => bus.isConnected);
  });
});
