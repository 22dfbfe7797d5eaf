/**
 * Every procedure number against a real libvirtd, on a VM that has a firmware and nothing to boot: what is
 * held here is the wire. That guests run is held by libvirt-hypervisor.libvirt.test.ts.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { emptyDomain } from "../testing/empty-domain.ts";
import { startLibvirtd } from "../testing/libvirtd.ts";
import { checkLibvirt } from "./check-libvirt.ts";
import { LibvirtClient, type LifecycleEvent } from "./libvirt-client.ts";
import { LibvirtLink } from "./libvirt-link.ts";
import type { PrivateLibvirtd } from "./private-libvirtd.ts";
import { createFlags } from "./protocol.ts";

const run = promisify(execFile);

describe("LibvirtClient", () => {
  let libvirtd: PrivateLibvirtd;
  let client: LibvirtClient;
  let events: LifecycleEvent[];

  before(async () => {
    libvirtd = await startLibvirtd({ keepaliveIntervalS: 1 });
  });
  after(() => libvirtd.stop());
  beforeEach(async () => {
    events = [];
    client = await LibvirtClient.open(libvirtd.address, (event) => events.push(event));
  });
  afterEach(() => client.close());

  const virsh = async (...args: string[]): Promise<string> =>
    (await run("virsh", ["-c", libvirtd.address.uri, ...args])).stdout;

  it("reads the same versions as virsh", async () => {
    const version = await virsh("version", "--daemon");
    const library = await client.libraryVersion();
    const qemu = await client.hypervisorVersion();
    const [, text] = /Running against daemon: (\S+)/.exec(version) ?? [];
    const [, qemuText] = /Running hypervisor: QEMU (\S+)/.exec(version) ?? [];
    const dotted = (n: number): string =>
      [Math.floor(n / 1e6), Math.floor(n / 1e3) % 1e3, n % 1e3].join(".");
    assert.deepEqual([dotted(library), dotted(qemu)], [text, qemuText]);
  });

  it("creates, pauses, resumes and destroys a VM that virsh sees, and hears each step", async () => {
    const domain = await client.createDomain("steps", emptyDomain("steps"), createFlags.paused);
    assert.equal(await client.domainState(domain), "paused");
    await client.resume(domain);
    assert.equal(await client.domainState(domain), "running");
    assert.match(await virsh("list"), /steps\s+running/);
    assert.deepEqual(await client.monitorCommand(domain, "query-status"), {
      status: "running",
      singlestep: false,
      running: true,
    });
    assert.deepEqual(await client.lookupDomain("steps"), domain);
    assert.deepEqual(await client.listDomains(), [domain]);
    assert.match(await client.domainXml(domain), /<name>steps<\/name>/);
    await client.suspend(domain);
    assert.match(await virsh("list"), /steps\s+paused/);
    await client.destroy(domain);
    assert.deepEqual(await client.listDomains(), []);
    await waitUntil("the last event", () => events.at(-1)?.event === "stopped");
    const heard = events.map(({ event, detail }) => `${event} ${detail}`);
    assert.deepEqual(heard, [
      "started detail 0",
      "suspended detail 0",
      "resumed detail 0",
      "suspended detail 0",
      "shutdown detail 2",
      "stopped destroyed",
    ]);
  });

  it("keeps libvirt's own words, and tells apart what is not there from what is broken", async () => {
    await assert.rejects(client.lookupDomain("nobody"), {
      code: "notFound",
      message:
        "look up domain nobody: libvirt says 'Domain not found: no domain with matching name 'nobody''",
    });
    await assert.rejects(client.createDomain("broken", "<domain", 0), {
      code: "invalid",
      message: /^create domain broken: libvirt says '.*/,
    });
  });

  it("stays connected for longer than the daemon waits for an answer to its pings", async () => {
    // 5 pings at 1 s without an answer would end it.
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    assert.deepEqual(await client.listDomains(), []);
  });

  it("passes the check of doctor, which a missing daemon does not", async () => {
    const { daemon, problems } = await checkLibvirt(libvirtd.address);
    assert.deepEqual(problems, []);
    assert.equal(daemon?.socketPath, client.socketPath);
    const nowhere = { ...libvirtd.address, socketPaths: ["/nowhere"] };
    assert.match((await checkLibvirt(nowhere)).problems.join(), /nothing at \/nowhere/);
  });

  it("comes back after libvirtd was stopped and started, and says unavailable meanwhile", async () => {
    const domain = await client.createDomain(
      "survivor",
      emptyDomain("survivor"),
      createFlags.paused,
    );
    let reconnectedCount = 0;
    const onReconnected = async (): Promise<void> => void reconnectedCount++;
    const link = await LibvirtLink.open({
      address: libvirtd.address,
      onLifecycle: (event) => events.push(event),
      onReconnected,
    });
    try {
      await libvirtd.stopDaemon();
      await client.closed;
      await waitUntil("the link has noticed", () => throwsUnavailable(() => link.client()));
      await assert.rejects(client.listDomains(), { code: "unavailable" });
      await libvirtd.startDaemon();
      await waitUntil("the link is back", () => reconnectedCount === 1);
      assert.deepEqual(await link.client().listDomains(), [domain]);
      await link.client().destroy(domain);
      await waitUntil("its end is heard", () => events.some(({ event }) => event === "stopped"));
    } finally {
      await link.close();
    }
  });
});

function throwsUnavailable(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "unavailable");
    return true;
  }
}

/** Far longer than anything waited for takes, on a slow machine too. */
const conditionMaxMs = 60_000;

async function waitUntil(what: string, holds: () => boolean): Promise<void> {
  const deadlineAtMs = Date.now() + conditionMaxMs;
  while (!holds()) {
    assert.ok(Date.now() < deadlineAtMs, `did not come about: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
