/**
 * An accepted call whose host-agent is killed while it runs in a real VM, which runs on for a while: it is begun
 * again, and not before it has ended there.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import type { LogLine } from "@tidepool/sdk";
import { repositoryRoot } from "../repository.ts";
import { startSystem } from "./running-system.ts";
import type { RunningSystem } from "./running-system.ts";
import { waitFor } from "./wait-for.ts";
import { zipOf } from "./zip.ts";

/** Long enough that the first attempt is seen to run, on a slow machine too. */
const runMs = 25_000;
const endMaxMs = 120_000;

const handler = `
  export const handler = async ({ untilMs }) => {
    console.log("begun");
    while (Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 50));
    return "done";
  };`;

describe("An accepted call whose host is lost", function () {
  this.timeout(180_000);
  let system: RunningSystem;
  before(async () => {
    system = await startSystem({ hypervisor: "qemu", env: { TIDEPOOL_POOL_BASE_TARGET: "1" } });
  });
  after(() => system?.stop());

  const begun = async (requestId: string): Promise<readonly LogLine[]> => {
    const lines: LogLine[] = [];
    for await (const line of system.client.getLogs("waits", { requestId })) lines.push(line);
    return lines.filter(({ text }) => text === "begun");
  };

  it("is begun again in another VM when the one that it ran in has gone", async () => {
    const { client } = system;
    await client.createFunction("waits", {
      runtime: "nodejs20",
      handler: "index.handler",
      timeoutMs: 60_000,
    });
    await client.uploadCode("waits", await zipOf({ "index.mjs": handler }));
    await system.poolReady();
    const { requestId } = await client.invokeAsync("waits", { untilMs: Date.now() + runMs });
    const [first] = await waitFor(
      "the first attempt",
      () => begun(requestId),
      (lines) => lines.length > 0,
    );
    assert.ok(first && (await isThere(first.vmId)), JSON.stringify(first));

    const agent = system.process("host-agent");
    const exited = once(agent, "exit");
    agent.kill("SIGKILL");
    await exited;
    await system.startAgain("host-agent");
    assert.equal(await isThere(first.vmId), false, "the next agent serves, and the VM is there");
    const goneAtMs = Date.now();

    const call = await waitFor(
      "the call's end",
      () => client.getInvocation(requestId),
      ({ status }) => !["queued", "running", "retrying"].includes(status),
      endMaxMs,
    );
    assert.deepEqual([call.status, call.payload, call.attempts], ["succeeded", "done", 2]);
    const lines = await waitFor(
      "both attempts",
      () => begun(requestId),
      ({ length }) => length > 1,
    );
    assert.equal(lines.length, 2);
    const second = lines.find(({ vmId }) => vmId !== first.vmId);
    assert.ok(second && second.atMs >= goneAtMs, JSON.stringify({ goneAtMs, lines }));
  });

  it("is not begun again before a VM that nobody adopts has ended itself", async () => {
    const read = async (path: string, pattern: RegExp): Promise<number> => {
      const [, number = ""] =
        pattern.exec(await readFile(`${repositoryRoot}/${path}`, "utf8")) ?? [];
      return Number(number.replaceAll("_", ""));
    };
    const ends = await read("guest/init/main.c", /hostGoneMaxMs = ([0-9]+)/);
    const limits = "services/frontend/src/async/limits.ts";
    const begins = await read(limits, /lostHostWaitMs = ([0-9_]+)/);
    assert.ok(ends > 0 && ends < begins, `ends after ${ends} ms, begins after ${begins} ms`);
  });
});

/** Whether a QEMU process is that VM. */
async function isThere(vmId: string): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    if (line.includes("qemu") && line.includes(`/${vmId}\0`)) return true;
  }
  return false;
}
