import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { isMachineRoot } from "@tidepool/common";
import { rightsOf } from "../qemu/run-as.ts";
import { makeQemuDirectory, readQemuUser } from "./qemu-user.ts";

describe("makeQemuDirectory", () => {
  const nobody = { uid: 65_534, gid: 65_534 };
  let top: string;

  before(function () {
    if (!isMachineRoot()) this.skip();
  });
  beforeEach(async () => {
    top = await mkdtemp(join(tmpdir(), "tp-qemu-"));
    await chmod(top, 0o711);
  });
  afterEach(() => rm(top, { recursive: true, force: true }));

  it("is one where QEMU makes files, and cannot put any in the place of ours", async () => {
    const directory = join(top, "vm");
    await makeQemuDirectory(directory, { ...nobody, isAssigned: false });
    const ours = join(directory, "control");
    await writeFile(ours, "ours");
    const asQemu = (script: string): Promise<unknown> =>
      promisify(execFile)("setpriv", [...rightsOf(nobody), "sh", "-c", script, directory]);
    await asQemu('touch "$0/incoming"');
    await assert.rejects(asQemu('rm "$0/control"'), /not permitted/);
    await assert.rejects(asQemu('mv "$0/incoming" "$0/control"'), /not permitted/);
    await assert.rejects(asQemu('rmdir "$0" || mv "$0" "$0.away"'), /denied|not permitted/);
    assert.equal((await stat(ours)).uid, 0);
  });
});

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
