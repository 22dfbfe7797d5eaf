import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findDomains, killDomain, markArguments } from "./domains-on-host.ts";
import type { FoundDomain } from "./domains-on-host.ts";

describe("killDomain", () => {
  const kill = process.kill.bind(process);
  let stateDir: string;
  let lookalike: ChildProcess;
  let domain: FoundDomain;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "tidepool-kill-"));
    // It looks like a VM, and waits in the shell itself: a command of it would be left when it is killed.
    const words = ["-c", "echo there; read nothing", "qemu", ...markArguments(stateDir, "vm-1")];
    lookalike = spawn("/bin/sh", words, { stdio: ["pipe", "pipe", "ignore"] });
    assert.ok(lookalike.stdout);
    await once(lookalike.stdout, "data");
    const [found] = await findDomains(stateDir);
    assert.ok(found);
    domain = found;
  });
  afterEach(async () => {
    process.kill = kill;
    lookalike.kill("SIGKILL");
    await rm(stateDir, { recursive: true });
  });

  const refuseWith = (code: string): void => {
    process.kill = (): never => {
      throw Object.assign(new Error(`kill ${code}`), { code });
    };
  };

  it("ends the process, and takes one that has gone for ended", async () => {
    await killDomain(stateDir, domain);
    assert.deepEqual(await findDomains(stateDir), []);
    refuseWith("ESRCH");
    await killDomain(stateDir, domain);
  });

  it("says that it may not, and does not take the VM for gone", async () => {
    refuseWith("EPERM");
    await assert.rejects(killDomain(stateDir, domain, 50), {
      code: "unavailable",
      message: `vm vm-1, process ${domain.pid}, cannot be ended: kill EPERM`,
    });
    assert.equal((await findDomains(stateDir)).length, 1);
  });

  it("tries again, and ends it once it may", async () => {
    refuseWith("EPERM");
    const killing = killDomain(stateDir, domain);
    setTimeout(() => (process.kill = kill), 30);
    await killing;
    assert.deepEqual(await findDomains(stateDir), []);
  });

  it("kills no other process that has the number by now", async () => {
    let killedCount = 0;
    process.kill = () => {
      killedCount += 1;
      return true;
    };
    await killDomain(stateDir, { ...domain, vmId: "vm-before" });
    assert.equal(killedCount, 0);
  });
});
