import assert from "node:assert/strict";
import { isOfAnother, ownerOf, ownerXml } from "./domain-owner.ts";

describe("The mark of a domain's owner", () => {
  const owner = ownerOf("/var/lib/tidepool/h-1/vms");

  it("is the same however its folder is written, and another's for another folder", () => {
    assert.equal(ownerOf("/var/lib/tidepool/h-1/vms/"), owner);
    assert.notEqual(ownerOf("/var/lib/tidepool-2/h-1/vms"), owner);
  });

  it("tells a domain of another agent, in libvirt's quotes too, from its own and an unmarked one", () => {
    const xml = (mark: string): string => `<domain>${mark}<devices/></domain>`;
    assert.equal(isOfAnother(xml(ownerXml(owner)), owner), false);
    assert.equal(isOfAnother(xml(""), owner), false);
    const other = ownerXml(ownerOf("/elsewhere"));
    assert.equal(isOfAnother(xml(other), owner), true);
    assert.equal(isOfAnother(xml(other.replaceAll("'", '"')), owner), true);
    assert.equal(isOfAnother(xml(ownerXml(owner).replaceAll("'", '"')), owner), false);
  });
});
