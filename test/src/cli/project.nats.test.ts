/** A folder with a tidepool.yaml, deployed again and again: what differs is shown, and nothing else changes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { aSystem } from "../system/a-system.ts";
import type { TestSystem } from "../system/a-system.ts";
import { runTidepool, startTidepool, tidepoolCommand } from "./tidepool-process.ts";
import type { Ended } from "./tidepool-process.ts";

describe("A project file", () => {
  let system: TestSystem;
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-project-"));
    for (const name of ["one", "two"]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "index.mjs"), "export const handler = (event) => event;");
    }
    system = await aSystem();
  });
  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await system.stop();
  });

  const project = (text: string): Promise<void> =>
    writeFile(join(folder, "tidepool.yaml"), `functions:\n${text}`);
  const deploy = (...args: string[]): Promise<Ended> =>
    runTidepool(["--address", system.address, "deploy", folder, ...args]);
  const versions = async (): Promise<Readonly<Record<string, string | undefined>>> =>
    Object.fromEntries(
      (await system.client.listFunctions()).map(({ name, version }) => [name, version]),
    );

  it("shows what would be created and creates nothing when run dry", async () => {
    await project("  one: {path: one, memory: 256}\n  two: {path: two, environment: {A: 1}}\n");
    const { code, stderr } = await deploy("--dry-run");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^\+ one\n {4}code: .*\n(.*\n)* {4}memoryMib: 256/m);
    assert.match(stderr, /environment\.A: 1/);
    assert.deepEqual(await versions(), {});
  });

  it("changes nothing when one function has a mistake, and names it", async () => {
    await project("  one: {path: one}\n  two: {path: two, memory: 7}\n  three: {path: none}\n");
    const { code, stderr } = await deploy();
    assert.equal(code, 1);
    assert.match(stderr, /two: memory of 7 MiB/);
    assert.match(stderr, /three: .*none does not exist/);
    assert.deepEqual(await versions(), {});
  });

  it("creates all, and does nothing the second time", async () => {
    await project("  one: {path: one, memory: 256}\n  two: {path: two, environment: {A: 1}}\n");
    const first = await deploy();
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(await versions(), { one: "1", two: "1" });
    const { payload } = await system.client.invoke("one", { n: 1 });
    assert.deepEqual(payload, { n: 1 });
    const second = await deploy("--json");
    const changes = JSON.parse(second.stdout) as { kind: string }[];
    assert.deepEqual(
      changes.map(({ kind }) => kind),
      ["none", "none"],
    );
    assert.deepEqual(await versions(), { one: "1", two: "1" });
  });

  it("changes only what differs, in one version, and what the file no longer says is back at its default", async () => {
    await project("  one: {path: one}\n  two: {path: two, environment: {A: 2, B: 3}}\n");
    await writeFile(join(folder, "two/index.mjs"), "export const handler = () => 'new';");
    const only = await deploy("--only", "two");
    assert.equal(only.code, 0, only.stderr);
    assert.match(only.stderr, /environment\.A: 1 → 2\n {4}environment\.B: 3/);
    assert.deepEqual(await versions(), { one: "1", two: "2" });
    const { stderr } = await deploy();
    assert.match(stderr, /~ one\n {4}memoryMib: 256 → 128\n/);
    assert.match(stderr, /two: nothing differs/);
    assert.deepEqual(await versions(), { one: "2", two: "2" });
  });

  it("has the schedules that the file names, and leaves them alone where it names none", async () => {
    const names = async (): Promise<readonly string[]> =>
      (await system.client.schedules.list()).map(({ name }) => name);
    const one = "  one: {path: one";
    await project(
      `${one}, schedules: {hourly: {cron: "0 * * * *", timeZone: Europe/Berlin, flexible: 15m}, often: {every: 5m, payload: {n: 1}}}}\n`,
    );
    const first = await deploy();
    assert.match(
      first.stderr,
      /schedule hourly is new: 0 \* \* \* \* Europe\/Berlin\n.*often is new: every 5m/,
    );
    assert.deepEqual(await names(), ["hourly", "often"]);
    assert.match((await deploy()).stderr, /one: nothing differs/);
    await project(`${one}, schedules: {often: {every: 6m, payload: {n: 1}}}}\n`);
    const { stderr } = await deploy();
    assert.match(stderr, /schedule often changes: every 6m\n.*schedule hourly goes/);
    assert.deepEqual(await names(), ["often"]);
    await project(`  two: {path: two, schedules: {often: {every: 7m}}}\n`);
    assert.match((await deploy()).stderr, /two: schedule 'often' is that of function 'one'/);
    assert.equal((await system.client.schedules.get("often")).settings.functionName, "one");
    await project(`${one}}\n`);
    await deploy();
    assert.deepEqual(await names(), ["often"]);
  });

  it("refuses an option that the file should say, and a function that it does not name", async () => {
    const option = await deploy("--memory", "512");
    assert.deepEqual([option.code, /--memory cannot be given/.test(option.stderr)], [2, true]);
    const unknown = await deploy("--only", "nine");
    assert.deepEqual([unknown.code, /no function 'nine'/.test(unknown.stderr)], [1, true]);
  });

  it("is run at each save by dev with what the file sets, and the answer is of what was saved", async () => {
    const saved = join(folder, "two", "index.mjs");
    await project("  two: {path: two, initTimeout: 3s, environment: {A: 1}}\n");
    const { process: child, ...running } = startTidepool([
      "--address",
      system.address,
      "dev",
      folder,
    ]);
    await running.says("watching");
    const { settings } = await system.client.getFunction("two-dev");
    assert.deepEqual([settings.initTimeoutMs, settings.environment], [3_000, { A: "1" }]);
    await writeFile(saved, "export const handler = () => 'saved';");
    await running.says("version 2 in");
    await running.says("· version 2\n");
    child.kill("SIGINT");
    const { stderr } = await running.ended;
    assert.deepEqual(stderr.match(/(?<=· version )\d+/g), ["1", "2"]);
    assert.deepEqual(await versions(), { one: "2", two: "2" });
  });

  /** What a shell without the package bash-completion offers for the last word of a line. */
  const completedByBash = async (line: string): Promise<readonly string[]> => {
    const env = { TIDEPOOL_COMMAND: tidepoolCommand, TIDEPOOL_ADDRESS: system.address };
    const { stdout: script } = await runTidepool(["completion", "bash"], { env });
    // As Bash splits a line: "=" and ":" are words of their own.
    const words = line.split(/ |(?==)|(?<==)/).map((word) => `'${word}'`);
    const ask = `${script}\ncompopt() { :; }\nCOMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}\n__tidepool_complete_word; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)("bash", ["--norc", "-c", ask], {
      env: { ...process.env, ...env },
    });
    return stdout.trim().split("\n");
  };

  it("completes the names of functions", async () => {
    const { stdout } = await runTidepool([
      "--address",
      system.address,
      "complete",
      "--",
      "invoke",
      "",
    ]);
    assert.match(stdout, /^one\b/m);
    assert.deepEqual(await completedByBash("tidepool invoke o"), ["one"]);
    assert.deepEqual(await completedByBash("tidepool up --hypervisor q"), ["qemu"]);
    assert.deepEqual(await completedByBash("tidepool up --hypervisor=q"), ["qemu"]);
    assert.deepEqual(await completedByBash("tidepool logs --since 1h -f o"), ["one"]);
    assert.deepEqual(await completedByBash("tidepool schedule list --function=o"), ["one"]);
    assert.deepEqual(await completedByBash("tidepool completion f"), ["fish"]);
    const { stdout: value } = await runTidepool(["complete", "--", "up", "--hypervisor=q"]);
    assert.equal(value, "qemu\n:4\n"); // other shells put the option before it themselves
    const { stdout: commands } = await runTidepool(["complete", "--", "de"]);
    assert.match(commands, /^deploy\b.*\n(.*\n)*delete\b/m);
  });
});
