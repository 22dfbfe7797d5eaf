/**
 * `tidepool up` with real parts but for the VMs, which are simulated: what it starts, what it survives, and
 * what it leaves. A part may die, a second `up` may come, Ctrl-C may come at any moment.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTidepool, startTidepool } from "./tidepool-process.ts";
import type { Running } from "./tidepool-process.ts";

describe("tidepool up", () => {
  let data = "";
  let port = "";
  let address = "";
  let up: Running;

  before(async () => {
    data = await mkdtemp(join(tmpdir(), "tidepool-up-"));
    port = String(await freePort());
    address = `127.0.0.1:${port}`;
    up = startUp();
    await up.says("tidepool is up");
  });
  after(async () => {
    up.process.kill("SIGINT");
    await up.ended;
    await rm(data, { recursive: true, force: true });
  });

  const startUp = (more: readonly string[] = []): Running =>
    startTidepool([
      "up",
      "--no-demo",
      "--hypervisor=simulated",
      `--data=${data}`,
      `--port=${port}`,
      ...more,
    ]);

  it("refuses to run twice in one folder, naming the process that does", async () => {
    const { code, stderr } = await startUp().ended;
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`already running in ${data}: process ${up.process.pid}`));
  });

  it("refuses a port that is taken, naming it", async () => {
    const other = await mkdtemp(join(tmpdir(), "tidepool-up-"));
    const { code, stderr } = await startUp(["--data", other]).ended;
    await rm(other, { recursive: true, force: true });
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`port ${port} is taken`));
  });

  it("names a part that dies, with how, and starts it again", async () => {
    const frontend = await findChild("services/frontend");
    process.kill(frontend, "SIGKILL");
    await up.says("frontend died (signal SIGKILL)");
    await up.says("frontend is running again");
    const { code } = await runTidepool(["--address", address, "list"]);
    assert.equal(code, 0);
  });

  it("leaves no function behind when the code of a new one is refused", async () => {
    const code = await mkdtemp(join(tmpdir(), "tidepool-up-"));
    const tooDeep = join(code, ...Array.from({ length: 11 }, () => "d".repeat(100)));
    await mkdir(tooDeep, { recursive: true });
    await writeFile(join(tooDeep, "data.txt"), "");
    await writeFile(join(code, "index.mjs"), "export const handler = async () => null;");
    const refused = await runTidepool(["--address", address, "deploy", code, "--name", "refused"]);
    await rm(code, { recursive: true });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /longer than the limit of 1024 bytes/);
    const { stdout } = await runTidepool(["--address", address, "list", "--json"]);
    assert.doesNotMatch(stdout, /refused/);
  });

  it("keeps functions over a restart, and leaves no process when it ends", async () => {
    const created = await runTidepool(["--address", address, "deploy", "examples/hello"]);
    assert.equal(created.code, 0, created.stderr);
    up.process.kill("SIGINT");
    assert.equal((await up.ended).code, 0);
    assert.deepEqual(await processesNaming(data), []);
    assert.equal((await readdir(data)).includes("run.json"), false);

    up = startUp();
    await up.says("tidepool is up");
    const { stdout } = await runTidepool(["--address", address, "list", "--json"]);
    assert.deepEqual(
      (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name),
      ["hello"],
    );
  });

  it("ends what a killed one left before it starts", async () => {
    up.process.kill("SIGKILL");
    await up.ended;
    assert.notDeepEqual(await processesNaming(data), [], "nothing was left to end");
    up = startUp();
    await up.says("tidepool is up");
    const servers = (await processesNaming(data)).filter((line) => line.startsWith("nats-server"));
    assert.equal(servers.length, 1);
  });

  it("stops in order when Ctrl-C comes while it starts", async () => {
    up.process.kill("SIGINT");
    await up.ended;
    up = startUp();
    await up.says("nats-server");
    up.process.kill("SIGINT");
    assert.equal((await up.ended).code, 130);
    assert.deepEqual(await processesNaming(data), []);
  });

  const findChild = async (path: string): Promise<number> => {
    for (const { pid, ppid, line } of await processes())
      if (ppid === up.process.pid && line.includes(path)) return pid;
    throw new Error(`no child of up runs ${path}`);
  };
});

async function processesNaming(path: string): Promise<string[]> {
  return (await processes()).filter(({ line }) => line.includes(path)).map(({ line }) => line);
}

async function processes(): Promise<{ pid: number; ppid: number; line: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
      const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
      const ppid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      return { pid: Number(pid), ppid, line: line.replaceAll("\0", " ") };
    }),
  );
  return found.filter(({ pid, line }) => line !== "" && pid !== process.pid);
}

/** None that the kernel gives to connections: it must be free again whenever a system starts anew. */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(10_000, 32_768);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error("no port is free");
}
