/** What owners may set, on real VMs: CPUs, secrets, one VM a call, and a burst that waits for VMs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newKey } from "@tidepool/common";
import type { FunctionSettings } from "@tidepool/sdk";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { zipOf } from "./zip.ts";

const code = `
  const { cpus } = require("node:os");
  const { createHash } = require("node:crypto");
  let calls = 0;
  exports.handler = async () => ({
    calls: ++calls,
    cpus: cpus().length,
    token: createHash("sha256").update(process.env.TOKEN ?? "").digest("hex"),
  });`;

interface Told {
  readonly calls: number;
  readonly cpus: number;
  readonly token: string;
}

describe("Settings of functions on real VMs", function () {
  let dir: string;
  let system: RunningSystem;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-settings-"));
    const keyFile = join(dir, "secrets.key");
    await writeFile(keyFile, newKey(), { mode: 0o600 });
    const env = { TIDEPOOL_SECRETS_KEY_FILE: keyFile, TIDEPOOL_VM_COUNT_MAX: "5" };
    system = await startSystem({ hypervisor: "qemu", env });
  });
  after(async () => {
    await system?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const aFunction = async (name: string, settings: Partial<FunctionSettings>): Promise<void> => {
    const all = { runtime: "nodejs20", handler: "index.handler", ...settings };
    await system.client.createFunction(name, all);
    await system.client.uploadCode(name, await zipOf({ "index.js": code }));
  };
  const call = async (name: string): Promise<Told & { readonly vmId: string }> => {
    const { payload, vmId } = await system.client.invoke(name, null, { timeoutMs: 120_000 });
    return { ...(payload as Told), vmId };
  };

  it("gives a function one CPU, and as many as it asks for", async () => {
    await aFunction("one", {});
    assert.equal((await call("one")).cpus, 1);
    await aFunction("two", { vcpuCount: 2 });
    assert.equal((await call("two")).cpus, 2);
  });

  it("gives a function the values of its secrets", async () => {
    await system.client.secrets.put("token", "a real one");
    await aFunction("secretive", { secrets: { TOKEN: "token" } });
    const { token } = await call("secretive");
    assert.equal(token, createHash("sha256").update("a real one").digest("hex"));
  });

  it("gives each call of a single-use function a VM that nothing ran in before", async () => {
    await aFunction("once", { singleUse: true });
    const told = [await call("once"), await call("once")];
    assert.deepEqual(
      told.map(({ calls }) => calls),
      [1, 1],
    );
    assert.notEqual(told[0]?.vmId, told[1]?.vmId);
  });

  it("fails none of 15 first calls to a new function, with room for 5 VMs", async () => {
    await aFunction("burst", {});
    const told = await Promise.all(Array.from({ length: 15 }, () => call("burst")));
    const vmIds = new Set(told.map(({ vmId }) => vmId));
    assert.ok(vmIds.size <= 5, String(vmIds.size));
    assert.equal(told.length, 15);
  });
});
