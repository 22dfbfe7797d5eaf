import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { keepAndDie } from "../testing/keeping-agent.ts";
import { Keeper } from "./keeper.ts";

const waitMs = 300;

describe("Keeper", function () {
  this.timeout(20_000);
  let folder: string;
  let left: ChildProcess;

  /** A process that looks like a VM of the folder's. */
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-keeper-"));
    left = spawn("/bin/sh", ["-c", "sleep 60; true", `guest=${folder}/vm-1`], { stdio: "ignore" });
    await mkdir(join(folder, "sockets"));
  });
  afterEach(async () => {
    left.kill("SIGKILL");
    await rm(folder, { recursive: true });
  });

  it("ends what an agent has left that does not come back, and nothing before its time", async () => {
    const ended = once(left, "exit");
    await keepAndDie(folder, "guest", waitMs);
    assert.equal(left.signalCode, null);
    await ended;
    assert.equal(left.signalCode, "SIGKILL");
    while (existsSync(join(folder, "keeper"))) await sleep(10);
    assert.equal(existsSync(join(folder, "sockets")), false);
  });

  it("leaves alone what another agent has taken over", async () => {
    await keepAndDie(folder, "guest", waitMs);
    const next = new Keeper(folder, "guest", waitMs);
    await sleep(3 * waitMs);
    assert.equal(left.exitCode ?? left.signalCode, null);
    next.stop();
    assert.equal(existsSync(join(folder, "keeper")), false);
  });
});
