import assert from "node:assert/strict";
import { memoryUses } from "../qemu/machine.ts";
import { domainXml, type DomainSpec } from "./domain-xml.ts";

const spec: DomainSpec = {
  name: "tidepool.host-1.vm-1",
  uuid: "00000000-0000-4000-8000-000000000001",
  accelerator: "tcg",
  ramMib: 224,
  vcpuCount: 2,
  translationCacheMib: 128,
  kernelPath: "/image/vmlinuz",
  initrdPath: "/image/initrd",
  kernelCommandLine: "console=ttyS0",
  rootfsPath: "/image/rootfs",
  directory: "/run/tidepool/vm-1",
  ramPath: "/template/ram",
  owner: "0123",
  memoryUse: memoryUses.clone,
  qemuUser: undefined,
};

describe("domainXml", () => {
  it("differs between template and clone in the memory's mapping and the incoming state alone", () => {
    const clone = domainXml(spec).split("\n");
    const template = domainXml({ ...spec, memoryUse: memoryUses.boot }).split("\n");
    assert.deepEqual(
      clone.filter((line) => !template.includes(line)).map((line) => line.trim()),
      [
        "<qemu:arg value='memory-backend-file,id=tidepool,size=224M,mem-path=/template/ram,share=off'/>",
        "<qemu:arg value='-incoming'/>",
        "<qemu:arg value='defer'/>",
      ],
    );
  });

  it("has as many CPUs as its config", () => {
    assert.match(domainXml(spec), /<vcpu>2<\/vcpu>/);
  });

  it("keeps a path with markup in it a path", () => {
    const xml = domainXml({ ...spec, rootfsPath: '/it\'s/<here>&"there"' });
    assert.ok(xml.includes("<source file='/it&apos;s/&lt;here&gt;&amp;&quot;there&quot;'/>"));
  });

  it("keeps a comma in the memory's path from ending it, as QEMU reads it", () => {
    const xml = domainXml({ ...spec, ramPath: "/a,b/ram" });
    assert.ok(xml.includes("mem-path=/a,,b/ram,share=off"));
  });

  it("asks libvirt to leave the owner of shared files alone when QEMU runs as another user", () => {
    const user = { uid: 64_055, gid: 994 };
    const xml = domainXml({ ...spec, qemuUser: { ...user, isAssigned: true } });
    assert.match(xml, /<seclabel type='static' model='dac' relabel='no'>\s*<label>\+64055:\+994</);
    assert.doesNotMatch(domainXml(spec), /seclabel/);
    const own = domainXml({ ...spec, qemuUser: { ...user, isAssigned: false } });
    assert.doesNotMatch(own, /seclabel/, "a session daemon knows of no users");
  });

  it("uses KVM and the host's CPU only when told to", () => {
    assert.match(domainXml(spec), /<domain type='qemu'/);
    const kvm = domainXml({ ...spec, accelerator: "kvm" });
    assert.match(kvm, /<domain type='kvm'/);
    assert.match(kvm, /<cpu mode='host-passthrough'\/>/);
    assert.doesNotMatch(kvm, /tb-cache/);
  });
});
