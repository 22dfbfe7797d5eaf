import assert from "node:assert/strict";
import { libvirtCheck } from "./host-check.ts";

describe("The check of libvirt", () => {
  it("asks nobody to start a libvirtd, since `up` starts its own", () => {
    const { state, detail, fix } = libvirtCheck({ detail: "", problems: ["no libvirtd answers"] });
    assert.deepEqual([state, detail], ["warning", "no libvirtd answers"]);
    assert.match(fix ?? "", /^none needed: `up --hypervisor libvirt` starts a libvirtd of its own/);
  });

  it("has nothing to fix where libvirt works", () => {
    const check = libvirtCheck({ detail: "libvirt 9", problems: [] });
    assert.deepEqual(check, { name: "libvirt", state: "ok", detail: "libvirt 9" });
  });
});
