/** Whose domains are, on a real libvirtd with VMs that have a firmware and nothing to boot. */
import assert from "node:assert/strict";
import { Gate } from "../vm/gate.ts";
import { emptyDomain } from "../testing/empty-domain.ts";
import { startLibvirtd } from "../testing/libvirtd.ts";
import { ownerOf, ownerXml } from "./domain-owner.ts";
import { LibvirtClient } from "./libvirt-client.ts";
import { OwnDomains } from "./own-domains.ts";
import type { PrivateLibvirtd } from "./private-libvirtd.ts";
import { createFlags } from "./protocol.ts";

const ours = ownerOf("/here/h-1/vms");
const another = ownerOf("/there/h-1/vms");

describe("OwnDomains", function () {
  this.timeout(60_000);
  let libvirtd: PrivateLibvirtd;
  let client: LibvirtClient;
  let own: OwnDomains;

  before(async () => {
    libvirtd = await startLibvirtd();
    client = await LibvirtClient.open(libvirtd.address);
    own = new OwnDomains({
      hostId: "h-1",
      owner: ours,
      client: () => client,
      slowCalls: new Gate(4),
    });
    const domains = [
      ["tidepool.h-1.vm-marked", ownerXml(ours)],
      ["tidepool.h-1.vm-unmarked", ""],
      ["tidepool.h-1.vm-of-another", ownerXml(another)],
      ["tidepool.h-12.vm-marked", ownerXml(ours)],
      ["tidepool.h-1.template.half-made", ownerXml(ours)],
      ["tidepool.h-1.template.of-another", ownerXml(another)],
      ["tidepool", ""],
    ] as const;
    for (const [name, mark] of domains)
      await client.createDomain(name, emptyDomain(name, mark), createFlags.paused);
  });
  after(async () => {
    await client.close();
    await libvirtd.stop();
  });

  const names = async (): Promise<string[]> =>
    (await client.listDomains()).map(({ name }) => name).sort();

  it("are those that bear this host's name and no other agent's mark, and no others are destroyed", async () => {
    assert.deepEqual([...(await own.vmIds())].sort(), ["vm-marked", "vm-unmarked"]);
    await assert.rejects(own.find("tidepool.h-1.vm-of-another"), { code: "notFound" });
    await own.destroyHalfMade();
    for (const vmId of ["vm-marked", "vm-unmarked", "vm-of-another", "vm-that-is-not"])
      await own.destroy(own.names.ofVm(vmId));
    assert.deepEqual(await names(), [
      "tidepool",
      "tidepool.h-1.template.of-another",
      "tidepool.h-1.vm-of-another",
      "tidepool.h-12.vm-marked",
    ]);
  });
});
