/** What an agent writes down of its VMs, and which it takes over, on a driver whose VMs outlive it. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Domain } from "../hypervisor/hypervisor.ts";
import { SimulatedHypervisor } from "../simulated/simulated-hypervisor.ts";
import { HostHarness } from "../testing/host-harness.ts";
import type { VmRecord } from "./vm-records.ts";

const config = { runtime: "nodejs20", memoryMib: 128 };

/** Gives out again the domains that it has. */
class Lasting extends SimulatedHypervisor {
  readonly adopted: string[] = [];
  private readonly left = new Map<string, Domain>();

  async abandon(vmId: string): Promise<void> {
    const template = await this.ensureTemplate(config);
    this.left.set(vmId, await this.clone(template, vmId));
  }

  async adopt(vmId: string): Promise<Domain> {
    const domain = this.left.get(vmId);
    assert.ok(domain);
    this.adopted.push(vmId);
    return Promise.resolve(domain);
  }
}

/** A minute, on a machine that has little else to do. */
const triesMax = 12_000;

describe("Adoption", function () {
  let host: HostHarness;
  let hypervisor: Lasting;
  beforeEach(() => {
    hypervisor = new Lasting({ bootMs: 5, cloneMs: 5 });
  });
  afterEach(() => host.stop());

  const recordOf = async (vmId: string): Promise<VmRecord | undefined> => {
    const path = join(host.dir, "records", `${vmId}.json`);
    const text = await readFile(path, "utf8").catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as { record: VmRecord }).record;
  };
  const seen = async (what: string, vmId: string, claim: (record?: VmRecord) => boolean) => {
    let last: VmRecord | undefined;
    for (let tries = 0; tries < triesMax; tries += 1) {
      if (claim((last = await recordOf(vmId)))) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.fail(`not seen: ${what}; ${JSON.stringify(last)}`);
  };

  it("finds no record that calls a VM nobody's once code has been loaded into it", async () => {
    host = await HostHarness.start({ makeHypervisor: () => hypervisor, poolBaseTarget: 1 });
    await host.until("pool", () => host.count("warming") === 1);
    const vmId = host.agent.fleet.all()[0]?.vmId ?? "";
    await seen("nobody's", vmId, (record) => record !== undefined && record.owner === undefined);
    const answer = await host.acquireAndInvoke("echo", 1);
    assert.equal(answer.message.result?.vmId, vmId);
    assert.equal(await recordOf(vmId), undefined);
    await seen("its owner's", vmId, (record) => record?.owner?.callCount === 1);
    host.agent.fleet.get(vmId)?.stop("used");
    await seen("gone", vmId, (record) => record === undefined);
  });

  it("takes over what is wanted, and destroys what holds secrets, is overdue or has no record", async () => {
    const template = await hypervisor.ensureTemplate(config);
    const owned = {
      name: "echo",
      version: "1",
      codeDigest: "0".repeat(64),
      handler: "index.handler",
      runtime: "nodejs20",
      memoryMib: 128,
      vcpuCount: 1,
      environment: {},
      secrets: {},
      singleUse: false,
      initTimeoutMs: 1_000,
      snapshotInit: false,
      keepAliveMs: 60_000,
    };
    const owner = { owned, keepUntilMs: Date.now() + 60_000, callCount: 3, assignmentId: "a-7" };
    const records: VmRecord[] = [
      { vmId: "vm-pool", template },
      { vmId: "vm-owned", template, owner },
      { vmId: "vm-late", template, owner: { ...owner, keepUntilMs: 1 } },
      {
        vmId: "vm-secret",
        template,
        owner: { ...owner, owned: { ...owned, secrets: { KEY: "key" } } },
      },
    ];
    for (const { vmId } of records) await hypervisor.abandon(vmId);
    await hypervisor.abandon("vm-stranger");
    host = await HostHarness.start({
      makeHypervisor: async (dir) => {
        await mkdir(join(dir, "records"));
        for (const record of records) {
          const text = JSON.stringify({ format: 1, record });
          await writeFile(join(dir, "records", `${record.vmId}.json`), text);
        }
        return hypervisor;
      },
      poolBaseTarget: 1,
    });
    assert.deepEqual([...hypervisor.adopted].sort(), ["vm-owned", "vm-pool"]);
    assert.deepEqual([...(await hypervisor.list())].sort(), ["vm-owned", "vm-pool"]);
    await host.until("as they were", () => host.count("idle") === 1 && host.count("warming") === 1);
    assert.equal(host.agent.fleet.get("vm-owned")?.callCount, 3);
    assert.equal(host.agent.fleet.get("vm-pool")?.assignment, undefined);
    assert.equal(await host.assign({ assignmentId: "a-7" }), "vm-owned", "its order came again");
    assert.equal(await recordOf("vm-secret"), undefined);
  });
});
