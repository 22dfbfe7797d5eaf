/** The `qemu` driver with real guests: what all drivers promise, and what only this one does. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultCacheDir, ensureGuestImage } from "@tidepool/guest";
import { openGuestSession } from "../guest/open-session.ts";
import { hypervisorContract } from "../hypervisor/hypervisor-contract.ts";
import { bootAttempts } from "./boot-templates.ts";
import { findDomains } from "./domains-on-host.ts";
import { QemuHypervisor } from "./qemu-hypervisor.ts";
import { findRunAs, qemuUserDefault } from "./run-as.ts";

const config = { runtime: "nodejs20", memoryMib: 128 };
const image = (runtime: string): ReturnType<typeof ensureGuestImage> =>
  ensureGuestImage({ runtime });

async function makeSubject(cacheDir = defaultCacheDir()) {
  const stateDir = await mkdtemp(join(tmpdir(), "tidepool-qemu-"));
  const runAs = await findRunAs(qemuUserDefault);
  const options = { accelerator: "tcg", cacheDir, stateDir, image, runAs } as const;
  return {
    options,
    config,
    hypervisor: new QemuHypervisor(options),
    hasRealGuests: true,
    reopen: () => new QemuHypervisor(options),
    async killBehindItsBack(vmId: string) {
      const found = (await findDomains(stateDir)).find((each) => each.vmId === vmId);
      assert.ok(found);
      process.kill(found.pid, "SIGKILL");
    },
    async dispose() {
      assert.deepEqual(await readdir(stateDir), [], "a VM left a file behind");
      await rm(stateDir, { recursive: true });
    },
  };
}

hypervisorContract("qemu", makeSubject);

describe("QemuHypervisor", () => {
  let folder: string;
  let subject: Awaited<ReturnType<typeof makeSubject>>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-cache-"));
  });
  beforeEach(async () => {
    subject = await makeSubject(folder);
  });
  afterEach(async () => {
    await subject.hypervisor.close();
    await subject.dispose();
  });
  after(async () => {
    await rm(folder, { recursive: true });
  });

  it("keeps a template on disk, where the next process finds it", async () => {
    const template = await subject.hypervisor.ensureTemplate(config);
    const steps: string[] = [];
    const next = new QemuHypervisor(subject.options);
    const found = await next.ensureTemplate(config, { onProgress: (step) => steps.push(step) });
    assert.equal(found.id, template.id);
    assert.deepEqual(steps, []);
  });

  it("runs QEMU without a right of root's, closed in by its own filter of system calls", async () => {
    const template = await subject.hypervisor.ensureTemplate(config);
    await subject.hypervisor.clone(template, "vm-1");
    const [found] = await findDomains(subject.options.stateDir);
    assert.ok(found);
    const status = await readFile(`/proc/${found.pid}/status`, "utf8");
    const fieldOf = (name: string): string | undefined =>
      new RegExp(`^${name}:\\t(.*)$`, "m").exec(status)?.[1];
    const { runAs } = subject.options;
    const own = process.getuid?.() ?? 0;
    assert.equal(
      fieldOf("Uid"),
      Array(4)
        .fill(runAs?.uid ?? own)
        .join("\t"),
    );
    assert.equal(fieldOf("Seccomp"), "2");
    assert.equal(fieldOf("NoNewPrivs"), "1");
    if (runAs === undefined) return;
    assert.equal(fieldOf("Gid"), Array(4).fill(runAs.gid).join("\t"));
    assert.equal(fieldOf("Groups")?.trim(), String(runAs.kvmGid ?? ""));
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.equal(fieldOf(name), "0".repeat(16), name);
  });

  it("finds and destroys what an earlier process left, and nobody else's", async () => {
    const template = await subject.hypervisor.ensureTemplate(config);
    const left = await subject.hypervisor.clone(template, "left");
    const stranger = new QemuHypervisor({
      ...subject.options,
      stateDir: `${subject.options.stateDir}-2`,
    });
    assert.deepEqual(await stranger.list(), []);
    await stranger.destroy("left");
    const next = new QemuHypervisor(subject.options);
    assert.deepEqual(await next.list(), ["left"]);
    await next.destroy("left");
    assert.equal((await left.exited).isExpected, false);
    assert.deepEqual(await next.list(), []);
  });

  it("refuses to clone from memory that is not as it was frozen", async () => {
    const template = await subject.hypervisor.ensureTemplate(config);
    await truncate(join(folder, "templates", template.id, "ram"), 1024);
    await assert.rejects(subject.hypervisor.clone(template, "vm-1"), {
      code: "notFound",
      message: /is not as it was frozen/,
    });
    const again = await new QemuHypervisor(subject.options).ensureTemplate(config);
    await subject.hypervisor.clone(again, "vm-1");
  });

  it("makes a template again that has gone from the disk", async () => {
    const { hypervisor } = subject;
    const template = await hypervisor.ensureTemplate(config);
    await rm(join(folder, "templates", template.id), { recursive: true, force: true });
    await assert.rejects(hypervisor.clone(template, "vm-1"), { code: "notFound" });
    const again = await hypervisor.clone(await hypervisor.ensureTemplate(config), "vm-1");
    await openGuestSession(again).handshake(template);
  });

  it("says which guest did not boot, and keeps nothing of it", async () => {
    const broken = new QemuHypervisor({
      ...subject.options,
      image: async (runtime) => {
        const good = await image(runtime);
        return { ...good, hash: "broken", rootfsPath: good.kernelPath };
      },
    });
    await assert.rejects(broken.ensureTemplate(config), {
      code: "unavailable",
      message:
        /^guest nodejs20 with 128 MiB did not boot: .*the root image does not mount: Invalid argument/s,
    });
    const kept = await readdir(join(folder, "templates"));
    assert.equal(kept.length, 1);
  });

  it("ends with a guest whose kernel panics, at its first panic", async () => {
    const initrdPath = join(folder, "no-initrd");
    await writeFile(initrdPath, Buffer.alloc(4096));
    const broken = new QemuHypervisor({
      ...subject.options,
      image: async (runtime) => ({ ...(await image(runtime)), hash: "panics", initrdPath }),
    });
    const error: unknown = await broken.ensureTemplate(config).catch((thrown: unknown) => thrown);
    const panics = String(error).match(/Kernel panic - not syncing/g) ?? [];
    assert.equal(panics.length, bootAttempts, String(error));
  });

  it("ends a running guest by itself when its host-agent is gone", async () => {
    const template = await subject.hypervisor.ensureTemplate(config);
    const domain = await subject.hypervisor.clone(template, "vm-1");
    await openGuestSession(domain).handshake(template);
    domain.control.destroy();
    domain.runtime.destroy();
    const { isExpected, detail } = await domain.exited;
    assert.equal(isExpected, false);
    assert.match(detail, /the host-agent has been gone for 10000 ms/);
  });

  it("tells a guest of another template from its own", async () => {
    const template = await subject.hypervisor.ensureTemplate(config);
    const domain = await subject.hypervisor.clone(template, "vm-1");
    const session = openGuestSession(domain);
    await assert.rejects(session.handshake({ config, id: "f".repeat(32) }), { code: "internal" });
    assert.equal(session.failure?.code, "internal");
  });
});
