/**
 * The whole system on real VMs: what people's code does to a VM, and what the caller is told. Each case ends
 * with a good call, since the harm of a bad one is a host that serves nobody afterwards.
 */
import assert from "node:assert/strict";
import { systemClock } from "@tidepool/common";
import type { InvokeResult, LogLine, TidepoolError } from "@tidepool/sdk";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { waitFor } from "./wait-for.ts";
import { zipOf } from "./zip.ts";

const handlers = {
  "good.mjs": `
    let calls = 0;
    export const handler = async (event, context) => {
      console.log("called with", JSON.stringify(event));
      return {
        event,
        calls: ++calls,
        requestId: context.awsRequestId,
        name: context.functionName,
        version: context.functionVersion,
        memory: context.memoryLimitInMB,
        remainingMs: context.getRemainingTimeInMillis(),
        greeting: process.env.GREETING,
        atMs: Date.now(),
      };
    };`,
  "common.cjs": `exports.handler = (event, context, callback) => callback(null, "common " + event);`,
  "throws.mjs": `export const handler = async () => { throw new RangeError("too deep"); };`,
  "non-error.mjs": `export const handler = async () => { throw { reason: "just an object" }; };`,
  "exits.mjs": `export const handler = async () => process.exit(3);`,
  "loops.mjs": `export const handler = async () => { for (;;); };`,
  "fills.mjs": `export const handler = async () => {
      const kept = [];
      for (;;) kept.push(Buffer.alloc(4 * 1024 * 1024, 1));
    };`,
  "forks.mjs": `import { spawn } from "node:child_process";
    export const handler = async () => {
      for (let count = 0; ; count++) {
        await new Promise((resolve, reject) => {
          const child = spawn("/bin/sleep", ["1000"]);
          child.once("error", reject);
          child.once("spawn", resolve);
        });
      }
    };`,
  "prints.mjs": `export const handler = async () => {
      const line = "x".repeat(1023) + "\\n";
      for (let count = 0; count < 100 * 1024; count++) process.stdout.write(line);
    };`,
  "large.mjs": `export const handler = async () => "x".repeat(7 * 1024 * 1024);`,
  "circular.mjs": `export const handler = async () => { const a = {}; a.a = a; return a; };`,
  "init-throws.mjs": `throw new TypeError("not at load");`,
  "panics.mjs": `import { writeFileSync } from "node:fs";
    export const handler = async () => { process.kill(process.pid, "SIGSEGV"); await new Promise(() => {}); };`,
} as const;

type Handler = keyof typeof handlers;

interface BadCase {
  readonly file: Handler;
  readonly code: string;
  readonly message: RegExp;
  readonly thrown?: { readonly name: string; readonly message: RegExp };
  readonly timeoutMs?: number;
}

const badCases: readonly BadCase[] = [
  {
    file: "throws.mjs",
    code: "functionError",
    message: /too deep/,
    thrown: { name: "RangeError", message: /too deep/ },
  },
  {
    file: "non-error.mjs",
    code: "functionError",
    message: /just an object/,
    thrown: { name: "NonError", message: /just an object/ },
  },
  {
    file: "circular.mjs",
    code: "functionError",
    message: /circular/i,
    thrown: { name: "ResultError", message: /circular/i },
  },
  {
    file: "init-throws.mjs",
    code: "functionError",
    message: /not at load/,
    thrown: { name: "TypeError", message: /not at load/ },
  },
  { file: "exits.mjs", code: "guestCrash", message: /code 3/ },
  { file: "panics.mjs", code: "guestCrash", message: /signal|SIGSEGV/ },
  { file: "loops.mjs", code: "timeout", message: /1500 ms/, timeoutMs: 1_500 },
  { file: "fills.mjs", code: "memoryLimit", message: /128 MiB/ },
  { file: "forks.mjs", code: "functionError", message: /EAGAIN/, timeoutMs: 180_000 },
  { file: "prints.mjs", code: "outputLimit", message: /MiB|bytes/, timeoutMs: 180_000 },
  { file: "large.mjs", code: "outputLimit", message: /6 MiB|6291456/ },
];

const clockErrorMaxMs = 500;

/** What a guest's clock said during a call that has just ended. */
function isBetween(beganAtMs: number, atMs: number): void {
  const said = `${atMs} between ${beganAtMs} and ${Date.now()}`;
  assert.ok(atMs > beganAtMs - clockErrorMaxMs && atMs < Date.now() + clockErrorMaxMs, said);
}

describe("a system with real VMs", function () {
  let system: RunningSystem;
  before(async () => {
    system = await startSystem({ hypervisor: "qemu" });
  });
  after(() => system?.stop());

  const deploy = async (
    name: string,
    file: Handler,
    settings: { timeoutMs?: number; environment?: Record<string, string> } = {},
  ): Promise<void> => {
    const handler = `${file.replace(/\\.[^.]+$/, "")}.handler`.replace(/\.(mjs|cjs)\./, ".");
    await system.client.createFunction(name, { runtime: "nodejs20", handler, ...settings });
    await system.client.uploadCode(name, await zipOf({ [file]: handlers[file] }));
  };
  const good = async (): Promise<InvokeResult> => system.client.invoke("good", "still here");

  it("runs a function with its event, context, environment and clock, and keeps its log", async () => {
    await deploy("good", "good.mjs", { environment: { GREETING: "hi" }, timeoutMs: 60_000 });
    await system.poolReady();
    const beganAtMs = Date.now();
    const result = await system.client.invoke("good", { a: [1, "ü"] }, { requestId: "first-call" });
    const { remainingMs, atMs, ...answer } = result.payload as Record<string, unknown>;
    assert.deepEqual(answer, {
      event: { a: [1, "ü"] },
      calls: 1,
      requestId: "first-call",
      name: "good",
      version: "1",
      memory: "128",
      greeting: "hi",
    });
    assert.ok(Number(remainingMs) > 1_000 && Number(remainingMs) <= 60_000, String(remainingMs));
    isBetween(beganAtMs, Number(atMs));
    assert.equal(result.start, "pool");
    const { routingMs, waitingMs, restoreMs, loadMs, runMs } = result.stages;
    for (const stage of [routingMs, waitingMs, restoreMs, loadMs, runMs]) assert.ok(stage >= 0);
    assert.ok(loadMs > 0 && runMs > 0);

    const lines = await waitFor<LogLine[]>(
      "the log line",
      async () => {
        const found: LogLine[] = [];
        for await (const line of system.client.getLogs("good")) found.push(line);
        return found;
      },
      (found) => found.length > 0,
    );
    assert.equal(lines[0]?.text, 'called with {"a":[1,"ü"]}');
    assert.equal(lines[0]?.requestId, "first-call");
  });

  it("serves the next call warm, in the same VM with its state, and its clock right after a pause", async () => {
    const first = await good();
    // Longer than a VM lingers before it is paused: its clock stands still from then on.
    await systemClock.sleep(1_500);
    const beganAtMs = Date.now();
    const second = await good();
    assert.equal(second.start, "warm");
    assert.equal(second.vmId, first.vmId);
    const { atMs, calls } = second.payload as { atMs: number; calls: number };
    assert.ok(calls >= 3);
    isBetween(beganAtMs, atMs);
  });

  it("runs CommonJS with a callback", async () => {
    await deploy("common", "common.cjs");
    assert.equal((await system.client.invoke("common", "js")).payload, "common js");
  });

  it("carries payloads and answers up to their limit, and names the limit above it", async () => {
    const text = "y".repeat(6 * 1024 * 1024 - 2_000);
    const { payload } = await system.client.invoke("good", text);
    assert.equal((payload as { event: string }).event.length, text.length);
    await assert.rejects(system.client.invoke("good", "y".repeat(6 * 1024 * 1024)), {
      code: "tooLarge",
      message: /6 MiB|6291456/,
    });
    await good();
  });

  for (const { file, code, message, thrown, timeoutMs } of badCases) {
    it(`answers ${code} for ${file}, and the next good call works`, async () => {
      const name = file.replace(/\..*/, "");
      await deploy(name, file, { timeoutMs: timeoutMs ?? 20_000 });
      await assert.rejects(system.client.invoke(name), (error: TidepoolError) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        assert.equal(error.thrown?.name, thrown?.name ?? error.thrown?.name);
        if (thrown !== undefined) {
          assert.match(error.thrown?.message ?? "", thrown.message);
          assert.match(error.thrown?.stack ?? "", /./);
        }
        return true;
      });
      assert.equal((await good()).version, "1");
      await system.client.deleteFunction(name);
    });
  }

  it("never gives a VM that held one owner's code to another", async () => {
    const { vmId } = await good();
    await system.client.deleteFunction("good");
    await deploy("good", "good.mjs");
    const next = await good();
    assert.notEqual(next.vmId, vmId);
    assert.equal((next.payload as { calls: number }).calls, 1);
  });

  it("gives 20 calls at once 20 answers", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => good()));
    assert.equal(results.length, 20);
  });
});
