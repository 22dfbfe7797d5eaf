/**
 * The driver on a real libvirtd with real guests. What all drivers do alike is in the contract suite; here is
 * what only libvirt can do: show VMs to virsh, outlive its own daemon, refuse.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ensureGuestImage } from "@tidepool/guest";
import { openGuestSession } from "../guest/open-session.ts";
import { findRunAs, qemuUserDefault } from "../qemu/run-as.ts";
import { hypervisorContract, type ContractSubject } from "../hypervisor/hypervisor-contract.ts";
import type { Template } from "../hypervisor/hypervisor.ts";
import { keepAndDie } from "../testing/keeping-agent.ts";
import { makeReachableCache, startLibvirtd } from "../testing/libvirtd.ts";
import { LibvirtHypervisor, type LibvirtHypervisorOptions } from "./libvirt-hypervisor.ts";
import type { PrivateLibvirtd } from "./private-libvirtd.ts";

const run = promisify(execFile);
const config = { runtime: "nodejs20", memoryMib: 128 };

interface Subject extends ContractSubject {
  readonly hypervisor: LibvirtHypervisor;
  readonly libvirtd: PrivateLibvirtd;
  readonly options: LibvirtHypervisorOptions;
}

async function pidOf({ directory }: PrivateLibvirtd, vmId: string): Promise<number> {
  const states = join(directory, "run", "libvirt", "qemu", "run");
  return Number(await readFile(join(states, `tidepool.host-1.${vmId}.pid`), "utf8"));
}

async function makeSubject(): Promise<Subject> {
  const libvirtd = await startLibvirtd();
  const cacheDir = await makeReachableCache();
  const stateDir = join(libvirtd.directory, "vms");
  const options: LibvirtHypervisorOptions = {
    address: libvirtd.address,
    accelerator: "tcg",
    hostId: "host-1",
    image: (runtime) => ensureGuestImage({ runtime, cacheDir }),
    cacheDir,
    stateDir,
  };
  return {
    config,
    libvirtd,
    options,
    hypervisor: await LibvirtHypervisor.open(options),
    hasRealGuests: true,
    reopen: () => LibvirtHypervisor.open(options),
    async killBehindItsBack(vmId) {
      process.kill(await pidOf(libvirtd, vmId), "SIGKILL");
    },
    async dispose() {
      const left = await readdir(stateDir);
      await libvirtd.stop();
      await rm(cacheDir, { recursive: true });
      assert.deepEqual(left, [], "a VM left a file behind");
    },
  };
}

hypervisorContract("libvirt", makeSubject);

describe("LibvirtHypervisor", () => {
  let subject: Subject;
  let hypervisor: LibvirtHypervisor;
  let options: LibvirtHypervisorOptions;
  let template: Template;

  before(async () => {
    subject = await makeSubject();
    ({ hypervisor, options } = subject);
    template = await hypervisor.ensureTemplate(config);
  });
  afterEach(async () => {
    await Promise.all((await hypervisor.list()).map((vmId) => hypervisor.destroy(vmId)));
  });
  after(async () => {
    await hypervisor.close();
    await subject.dispose();
  });

  const virsh = async (...args: string[]): Promise<string> =>
    (await run("virsh", ["-c", subject.options.address.uri, ...args])).stdout;

  /** Files of VMs. */
  const left = async (): Promise<readonly string[]> =>
    (await readdir(options.stateDir)).filter((name) => !["keeper", "templates"].includes(name));

  it("shows its VMs to virsh while an invocation runs in one and another is paused", async () => {
    const [busy, paused] = await Promise.all([
      hypervisor.clone(template, "busy"),
      hypervisor.clone(template, "paused"),
    ]);
    await paused.pause();
    const session = openGuestSession(busy);
    await session.handshake(template);
    const source =
      "exports.handler = async (event) => (await new Promise((r) => setTimeout(r, 1500)), event + 1)";
    await session.load({
      functionName: "increment",
      functionVersion: "1",
      handler: "index.handler",
      memoryLimitMib: config.memoryMib,
      environment: {},
      files: [{ path: "index.js", mode: 0o644, content: Buffer.from(source) }],
    });
    const running = session.invoke({
      requestId: "request-1",
      payload: Buffer.from("41"),
      timeoutMs: 10_000,
      traceparent: "",
    });
    const seen = await virsh("list");
    assert.match(seen, /tidepool\.host-1\.busy +running/);
    assert.match(seen, /tidepool\.host-1\.paused +paused/);
    assert.equal(Buffer.from((await running).payload).toString(), "42");
  });

  it("is told by libvirt when a VM dies, and leaves nothing of it behind", async () => {
    const domain = await hypervisor.clone(template, "victim");
    const closed = new Promise((resolve) => domain.control.once("close", resolve));
    await subject.killBehindItsBack("victim");
    const exit = await domain.exited;
    assert.equal(exit.isExpected, false);
    assert.match(exit.detail, /^libvirt saw it stop: (failed|crashed|shutdown)/);
    await closed;
    assert.deepEqual(await hypervisor.list(), []);
    assert.deepEqual(await left(), []);
    await domain.destroy();
  });

  it("has each QEMU run as an ordinary user without any right, behind its filter of system calls", async () => {
    await hypervisor.clone(template, "plain");
    const pid = await pidOf(subject.libvirtd, "plain");
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const field = (name: string): string =>
      new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1] ?? "none";
    const ids = field("Uid").split("\t").map(Number);
    assert.equal(new Set(ids).size, 1, field("Uid"));
    const runAs = await findRunAs(qemuUserDefault);
    assert.equal(ids[0], runAs?.uid ?? process.geteuid?.());
    assert.notEqual(ids[0], 0);
    for (const rights of ["CapPrm", "CapEff", "CapInh", "CapAmb"])
      assert.match(field(rights), /^0+$/, rights);
    if (runAs !== undefined) assert.match(field("CapBnd"), /^0+$/);
    assert.equal(field("NoNewPrivs"), "1");
    assert.equal(field("Seccomp"), "2");
  });

  it("finds and destroys the VMs of an earlier host-agent with its id, and no others", async () => {
    const earlier = await hypervisor.clone(template, "left");
    const next = await LibvirtHypervisor.open(options);
    const stranger = await LibvirtHypervisor.open({ ...options, hostId: "host" });
    try {
      assert.deepEqual(await stranger.list(), []);
      await stranger.destroy("left");
      assert.deepEqual(await next.list(), ["left"]);
      await next.destroy("left");
      assert.equal((await earlier.exited).isExpected, false);
      assert.deepEqual(await next.list(), []);
    } finally {
      await next.close();
      await stranger.close();
    }
  });

  it("has its VMs ended when it is killed and nobody comes in its place", async () => {
    const domain = await hypervisor.clone(template, "kept");
    await domain.pause();
    await keepAndDie(options.stateDir, "path", 300);
    assert.equal((await domain.exited).isExpected, false);
    while ((await readdir(options.stateDir)).length > 0) await sleep(10);
    assert.deepEqual(await hypervisor.list(), []);
  });

  it("says unavailable while libvirtd is away, keeps VMs over it, and catches up after it", async () => {
    const survivor = await hypervisor.clone(template, "survivor");
    const unwanted = await hypervisor.clone(template, "unwanted");
    const victim = await hypervisor.clone(template, "victim");
    await subject.libvirtd.stopDaemon();
    const away = { code: "unavailable", message: /libvirtd/ };
    await assert.rejects(hypervisor.clone(template, "none"), away);
    await assert.rejects(survivor.pause(), away);
    await assert.rejects(hypervisor.list(), away);
    await assert.rejects(unwanted.destroy(), away);
    await subject.killBehindItsBack("victim");
    assert.match((await victim.exited).detail, /while libvirtd was away/);
    await subject.libvirtd.startDaemon();
    // It ends as soon as the daemon is there, at times before the driver has looked.
    assert.match((await unwanted.exited).detail, /destroyed|stop|while libvirtd was away/);
    assert.deepEqual(await hypervisor.list(), ["survivor"]);
    await survivor.pause();
    await survivor.resume();
    await openGuestSession(survivor).handshake(template);
  });

  it("destroys what was being created when the caller gave up", async () => {
    const abort = new AbortController();
    const cloning = hypervisor.clone(template, "late", { signal: abort.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    abort.abort(new Error("changed my mind"));
    await assert.rejects(cloning, /changed my mind/);
    assert.deepEqual(await hypervisor.list(), []);
    assert.deepEqual(await left(), []);
  });

  it("refuses a state folder in which its sockets would have too long a name", async () => {
    const stateDir = join(options.stateDir, "x".repeat(100));
    await assert.rejects(LibvirtHypervisor.open({ ...options, stateDir }), {
      code: "invalid",
      message: /the limit is 107/,
    });
  });

  it("says which file was missing when a template cannot be booted", async () => {
    const image = async (runtime: string): ReturnType<typeof ensureGuestImage> => ({
      ...(await options.image(runtime)),
      hash: "without-a-kernel",
      kernelPath: "/nowhere/vmlinuz",
    });
    const broken = await LibvirtHypervisor.open({ ...options, hostId: "broken", image });
    try {
      await assert.rejects(broken.ensureTemplate(config), {
        code: "unavailable",
        message: /guest nodejs20 with 128 MiB did not boot: .*\/nowhere\/vmlinuz/s,
      });
      assert.doesNotMatch(await virsh("list"), /broken/);
    } finally {
      await broken.close();
    }
  });
});
