/** A QEMU without a guest, started by a process that dies without a chance to clean up. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const goneMaxMs = 2_000;

const agent = `
  import { QemuProcess } from ${JSON.stringify(new URL("./qemu-process.ts", import.meta.url).href)};
  import { qemuProgram } from ${JSON.stringify(new URL("./qemu-program.ts", import.meta.url).href)};
  const qemu = new QemuProcess(qemuProgram, ["-machine", "none", "-display", "none", "-nodefaults"]);
  process.stdout.write(String(qemu.pid));
  await qemu.exited;`;

/** Empty also for a process that has ended and that nobody has reaped. */
const commandLine = (pid: number): Promise<string> =>
  readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");

describe("QemuProcess", () => {
  it("dies with the process that started it, also by SIGKILL", async () => {
    const words = ["--import", "tsx", "--conditions=source", "--input-type=module", "-e", agent];
    const parent = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
    const [bytes] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(bytes.toString());
    const until = Date.now() + goneMaxMs;
    while (!(await commandLine(pid)).startsWith("qemu") && Date.now() < until) await sleep(10);
    assert.match(await commandLine(pid), /^qemu/);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    const deadline = Date.now() + goneMaxMs;
    while ((await commandLine(pid)) !== "" && Date.now() < deadline) await sleep(10);
    assert.equal(await commandLine(pid), "");
  });
});
