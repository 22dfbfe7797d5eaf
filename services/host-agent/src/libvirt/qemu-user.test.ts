import assert from "node:assert/strict";
import { readQemuUser } from "./qemu-user.ts";

describe("readQemuUser", () => {
  it("finds the user that a system daemon gives to QEMU", () => {
    const xml = `<capabilities><host>
      <secmodel><model>apparmor</model><doi>0</doi></secmodel>
      <secmodel>
        <model>dac</model>
        <doi>0</doi>
        <baselabel type='kvm'>+64055:+994</baselabel>
        <baselabel type='qemu'>+64055:+994</baselabel>
      </secmodel>
    </host></capabilities>`;
    assert.deepEqual(readQemuUser(xml), { uid: 64_055, gid: 994, isAssigned: true });
  });

  it("finds none with a session daemon, whose QEMU runs as the caller", () => {
    const xml = "<secmodel><model>none</model><doi>0</doi></secmodel>";
    assert.equal(readQemuUser(xml), undefined);
  });
});
