/** A QEMU without a guest, started by a process that dies without a chance to clean up. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { machineArguments } from "./machine.ts";
import { QemuProcess } from "./qemu-process.ts";
import { qemuProgram } from "./qemu-program.ts";

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

  it("filters its own system calls, and can gain no privilege", async () => {
    const config = { runtime: "nodejs20", memoryMib: 128 };
    const image = { hash: "", kernelPath: "", initrdPath: "", rootfsPath: "", logPath: "" };
    const words = machineArguments({ accelerator: "tcg", image, config, tscKhz: 1 }, "id");
    const sandbox = words.slice(words.indexOf("-sandbox")).slice(0, 2);
    const plain = ["-machine", "none", "-display", "none", "-nodefaults"];
    const qemu = new QemuProcess(qemuProgram, [...sandbox, ...plain, "-qmp", "stdio"]);
    try {
      const isFiltered = async (): Promise<boolean> => {
        const status = await readFile(`/proc/${String(qemu.pid)}/status`, "utf8");
        return /^NoNewPrivs:\t1$/m.test(status) && /^Seccomp:\t2$/m.test(status);
      };
      const until = Date.now() + goneMaxMs;
      while (!(await isFiltered()) && Date.now() < until) await sleep(10);
      assert.ok(await isFiltered());
    } finally {
      await qemu.kill();
    }
  });
});
