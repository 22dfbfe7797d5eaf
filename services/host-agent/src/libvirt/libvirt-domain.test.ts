import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LibvirtDomain } from "./libvirt-domain.ts";

describe("LibvirtDomain", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "tidepool-domain-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const domainIn = (directory: string): LibvirtDomain =>
    new LibvirtDomain({
      vmId: "vm-1",
      name: "tidepool.h-1.vm-1",
      uuid: "u",
      directory,
      client: () => assert.fail("nothing is asked of libvirt"),
      destroyByName: () => Promise.resolve(),
    });

  it("has ended when it is destroyed, and takes its files along", async () => {
    const domain = domainIn(join(folder, "vm-1"));
    await domain.destroy();
    assert.deepEqual(await domain.exited, { isExpected: true, detail: "destroyed" });
  });

  it("has ended also where its files cannot be removed, and says so", async () => {
    const domain = domainIn(`${folder}/.`);
    domain.settleExit("gone");
    const { isExpected, detail } = await domain.exited;
    assert.equal(isExpected, false);
    assert.match(detail, /^gone; .*\/\. cannot be removed: rm: refusing/);
  });
});
