import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCacheDir, ensureGuestImage } from "@tidepool/guest";
import { QemuHypervisor } from "./qemu/qemu-hypervisor.ts";
import { HostHarness } from "./testing/host-harness.ts";
import { zipOf } from "./testing/zip.ts";

/**
 * User code that does its worst inside real VMs. What could go wrong: the guest takes the host-agent with
 * it, the caller waits for ever, a VM in doubt is used again. Each case must end in a typed error that
 * names its limit, with the VM destroyed and the next good call answered.
 */
describe("HostAgent with real VMs", function () {
  let host: HostHarness;
  let stateDir: string;

  before(async () => {
    const cacheDir = defaultCacheDir();
    stateDir = await mkdtemp(join(tmpdir(), "tp-vm-"));
    host = await HostHarness.start({
      makeHypervisor: () =>
        new QemuHypervisor({
          accelerator: "tcg",
          cacheDir,
          stateDir,
          image: (runtime, onProgress = () => {}) =>
            ensureGuestImage({ runtime, cacheDir, onProgress }),
        }),
      poolBaseTarget: 2,
      vmCountMax: 6,
    });
    await host.until("pool filled", () => host.count("warming") === 2, 150_000);
  });
  after(async () => {
    await host.stop();
    assert.deepEqual(await host.hypervisor.list(), []);
    await rm(stateDir, { recursive: true, force: true });
  });

  const call = async (
    source: string,
    payload: unknown = {},
    options: { timeoutMs?: number } = {},
  ) => {
    const digest = await host.upload({ "index.js": source });
    return host.acquireAndInvoke(`f-${digest.slice(0, 8)}`, payload, { digest, ...options });
  };
  const nextWorks = async (): Promise<void> => {
    const answer = await call("exports.handler = async (event) => event.n + 1;", { n: 1 });
    assert.equal(answer.value, 2);
  };

  it("runs a function, and runs it again in the same VM", async () => {
    const source = "let calls = 0; exports.handler = async () => ++calls;";
    const first = await call(source);
    assert.equal(first.value, 1);
    const name = host.agent.fleet.get(first.message.result?.vmId ?? "")?.assignment?.owned.name;
    assert.equal((await host.frontend.invoke(name ?? "", {})).value, 2);
  });

  it("runs it again after the VM was paused, with the right time", async () => {
    const first = await call("exports.handler = async () => Date.now(); // paused");
    const vmId = first.message.result?.vmId ?? "";
    const vm = host.agent.fleet.get(vmId);
    await host.until("paused", () => vm?.view(Date.now()).isPaused);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const name = vm?.assignment?.owned.name ?? "";
    const again = await host.frontend.invoke(name, {});
    assert.ok(Math.abs(Number(again.value) - Date.now()) < 500);
    assert.ok((again.message.result?.stages?.restoreMs ?? 0) > 0);
  });

  it("runs functions of other runtimes", async () => {
    const files = { "index.py": "def handler(event, context): return event['n'] + 1" };
    const python = { runtime: "python3.11", digest: await host.upload(files) };
    assert.equal((await host.acquireAndInvoke("python", { n: 1 }, python)).value, 2);
    const bootstrap = `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
curl -sS -o /tmp/event -D /tmp/headers "$api/next"
id=$(sed -n 's/^Lambda-Runtime-Aws-Request-Id: *//Ip' /tmp/headers | tr -d '\\r')
curl -sS -X POST "$api/$id/response" -d @/tmp/event
exec sleep 60`;
    const zip = zipOf([{ path: "bootstrap", content: bootstrap, mode: 0o100755 }]);
    const own = { runtime: "provided", handler: "bootstrap", digest: await host.uploadZip(zip) };
    assert.deepEqual((await host.acquireAndInvoke("own", { n: 1 }, own)).value, { n: 1 });
  });

  it("starts a function that declares it safe from a template after its init", async () => {
    const source = `const at = Date.now();
      let isRestored = false;
      tidepool.afterRestore(() => { isRestored = true; });
      exports.handler = async () => ({ at, isRestored, now: Date.now() });`;
    const options = { digest: await host.upload({ "index.js": source }), snapshotInit: true };
    const call = async (): Promise<{ at: number; isRestored: boolean; now: number }> => {
      const { value, message } = await host.acquireAndInvoke("snapshot", {}, options);
      const vm = host.agent.fleet.get(message.result?.vmId ?? "");
      vm?.stop("used");
      await vm?.whenGone;
      return value as Awaited<ReturnType<typeof call>>;
    };
    const first = await call();
    assert.equal(first.isRestored, false);
    let second = await call();
    for (const untilMs = Date.now() + 60_000; !second.isRestored && Date.now() < untilMs;) {
      second = await call();
    }
    const third = await call();
    assert.equal(third.isRestored, true);
    assert.equal(third.at, second.at);
    assert.notEqual(third.at, first.at);
    assert.ok(Math.abs(third.now - Date.now()) < 10_000);
  });

  const crimes = [
    {
      what: "loops for ever",
      source: "exports.handler = () => { for (;;); };",
      code: "timeout",
      says: /limit of 1000 ms/,
    },
    {
      what: "never answers",
      source: "exports.handler = () => new Promise(() => setInterval(() => {}, 1000));",
      code: "timeout",
      says: /limit of 1000 ms/,
    },
    {
      what: "fills its heap",
      source: "exports.handler = () => { const a = []; for (;;) a.push(new Array(1e5).fill(1)); };",
      code: "memoryLimit",
      says: /memory/,
      timeoutMs: 60_000,
    },
    {
      what: "fills memory outside its heap",
      source: "exports.handler = () => { const a = []; for (;;) a.push(Buffer.alloc(1e7, 1)); };",
      code: "memoryLimit",
      says: /memory/,
      timeoutMs: 60_000,
    },
    {
      what: "exits",
      source: "exports.handler = () => process.exit(3);",
      code: "guestCrash",
      says: /code 3/,
      timeoutMs: 20_000,
    },
    {
      what: "prints 100 MB",
      source:
        "exports.handler = () => { const s = 'x'.repeat(1e5); for (let i = 0; i < 1000; i++) console.log(s); };",
      code: "outputLimit",
      says: /8388608 bytes/,
      timeoutMs: 60_000,
    },
    {
      what: "answers 7 MiB",
      source: "exports.handler = async () => 'x'.repeat(7 * 1024 * 1024);",
      code: "outputLimit",
      says: /6291456/,
      timeoutMs: 20_000,
    },
  ];
  for (const { what, source, code, says, timeoutMs = 1_000 } of crimes) {
    it(`ends a function that ${what} with ${code}, destroys its VM, and answers the next call`, async () => {
      const { failure, message } = await call(source, {}, { timeoutMs });
      assert.equal(failure?.code, code, failure?.message);
      assert.match(failure?.message ?? "", says);
      const vmId = message.failure?.vmId ?? "";
      await host.until("destroyed", () => host.agent.fleet.get(vmId) === undefined);
      assert.equal((await host.hypervisor.list()).includes(vmId), false);
      await nextWorks();
    });
  }

  it("hands on what was thrown, with name, message and stack, and keeps the VM", async () => {
    const source = "exports.handler = () => { throw new RangeError('too far'); };";
    const { failure, message } = await call(source);
    assert.equal(failure?.code, "functionError");
    assert.equal(failure?.thrown?.name, "RangeError");
    assert.equal(failure?.thrown?.message, "too far");
    assert.match(failure?.thrown?.stack ?? "", /index\.js/);
    assert.equal(host.agent.fleet.get(message.failure?.vmId ?? "")?.phase, "idle");
  });

  it("survives 100 children that fork", async () => {
    const source = `const { spawn } = require("node:child_process");
      exports.handler = async () => { for (let i = 0; i < 100; i++) spawn("/bin/sh", ["-c", "while :; do :; done"]).on("error", () => {}); return "forked"; };`;
    const answer = await call(source, {}, { timeoutMs: 10_000 });
    assert.ok(answer.value === "forked" || answer.failure !== undefined);
    if (answer.message.result?.vmId)
      host.agent.fleet.get(answer.message.result.vmId)?.stop("evicted");
    await nextWorks();
  });

  it("tells what a module throws while it is loaded", async () => {
    const { failure } = await call("throw new TypeError('no config');");
    assert.equal(failure?.code, "functionError");
    assert.match(failure?.message ?? "", /no config/);
    await nextWorks();
  });

  it("puts what is printed into the function's log, with its request", async () => {
    const answer = await call(
      "exports.handler = async () => { console.log('one'); console.error('two'); };",
    );
    assert.ok(answer.message.result);
    await host.until("logged", () => host.logLines.some(({ text }) => text === "two"));
    const line = host.logLines.find(({ text }) => text === "one");
    assert.equal(line?.stream, "stdout");
    assert.match(line?.requestId ?? "", /^acquired-/);
  });
});
