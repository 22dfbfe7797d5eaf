/**
 * The driver on a real libvirtd with real guests. What all drivers do alike is in the contract suite; here is
 * what only libvirt can do: show VMs to virsh, outlive its own daemon, refuse.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureGuestImage } from "@tidepool/guest";
import { openGuestSession } from "../guest/open-session.ts";
import type { Domain, Template } from "../hypervisor/hypervisor.ts";
import { LibvirtHypervisor, type LibvirtHypervisorOptions } from "./libvirt-hypervisor.ts";
import { PrivateLibvirtd } from "./private-libvirtd.ts";

const run = promisify(execFile);
const config = { runtime: "nodejs20", memoryMib: 128 };

describe("LibvirtHypervisor", () => {
  let libvirtd: PrivateLibvirtd;
  let folder: string;
  let options: LibvirtHypervisorOptions;
  let hypervisor: LibvirtHypervisor;
  let template: Template;
  const cleanups: (() => Promise<void>)[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-driver-"));
    cleanups.unshift(() => rm(folder, { recursive: true }));
    libvirtd = await PrivateLibvirtd.start();
    cleanups.unshift(() => libvirtd.stop());
    options = {
      address: libvirtd.address,
      accelerator: "tcg",
      hostId: "host-1",
      image: (runtime) => ensureGuestImage({ runtime }),
      cacheDir: join(folder, "cache"),
      stateDir: join(folder, "state"),
    };
    hypervisor = await LibvirtHypervisor.open(options);
    cleanups.unshift(() => hypervisor.close());
    template = await hypervisor.ensureTemplate(config);
  });
  afterEach(async () => {
    await Promise.all((await hypervisor.list()).map((vmId) => hypervisor.destroy(vmId)));
  });
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });

  const virsh = async (...args: string[]): Promise<string> =>
    (await run("virsh", ["-c", libvirtd.address.uri, ...args])).stdout;

  const killQemu = async (domain: Domain): Promise<void> => {
    const states = join(libvirtd.directory, "run", "libvirt", "qemu", "run");
    const file = join(states, `tidepool.host-1.${domain.vmId}.pid`);
    process.kill(Number(await readFile(file, "utf8")), "SIGKILL");
  };

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
    await killQemu(domain);
    const exit = await domain.exited;
    assert.equal(exit.isExpected, false);
    assert.match(exit.detail, /^libvirt saw it stop: (failed|crashed|shutdown)/);
    await closed;
    assert.deepEqual(await hypervisor.list(), []);
    assert.deepEqual(await readdir(options.stateDir), []);
    await domain.destroy();
  });

  it("finds and destroys the VMs of an earlier host-agent with its id, and no others", async () => {
    const left = await hypervisor.clone(template, "left");
    const next = await LibvirtHypervisor.open(options);
    const stranger = await LibvirtHypervisor.open({ ...options, hostId: "host" });
    try {
      assert.deepEqual(await stranger.list(), []);
      await stranger.destroy("left");
      assert.deepEqual(await next.list(), ["left"]);
      await next.destroy("left");
      assert.equal((await left.exited).isExpected, false);
      assert.deepEqual(await next.list(), []);
    } finally {
      await next.close();
      await stranger.close();
    }
  });

  it("says unavailable while libvirtd is away, keeps VMs over it, and catches up after it", async () => {
    const survivor = await hypervisor.clone(template, "survivor");
    const unwanted = await hypervisor.clone(template, "unwanted");
    const victim = await hypervisor.clone(template, "victim");
    await libvirtd.stopDaemon();
    const away = { code: "unavailable", message: /libvirtd/ };
    await assert.rejects(hypervisor.clone(template, "none"), away);
    await assert.rejects(survivor.pause(), away);
    await assert.rejects(hypervisor.list(), away);
    await assert.rejects(unwanted.destroy(), away);
    await killQemu(victim);
    assert.match((await victim.exited).detail, /while libvirtd was away/);
    await libvirtd.startDaemon();
    assert.match((await unwanted.exited).detail, /destroyed|stop/);
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
    assert.deepEqual(await readdir(options.stateDir), []);
  });

  it("says which file was missing when a template cannot be booted", async () => {
    const image = async (runtime: string): ReturnType<typeof ensureGuestImage> => ({
      ...(await ensureGuestImage({ runtime })),
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
