import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMachineRoot } from "@tidepool/common";
import { LibvirtdFolder } from "./libvirtd-folder.ts";

const nobody = { uid: 65_534, gid: 65_534 };

describe("LibvirtdFolder", () => {
  let top: string;
  let directory: string;

  beforeEach(async () => {
    top = await mkdtemp(join(tmpdir(), "tp-lv-"));
    await chmod(top, 0o711);
    directory = join(top, "d");
  });
  afterEach(() => rm(top, { recursive: true, force: true }));

  it("is closed to others, and taken again as it was left", async () => {
    const folder = await LibvirtdFolder.take({ directory });
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    await LibvirtdFolder.take({ directory });
    await folder.remove();
    assert.deepEqual(await readdir(top), []);
  });

  it("is not taken where others may have been", async () => {
    await mkdir(directory);
    await chmod(directory, 0o770);
    await assert.rejects(LibvirtdFolder.take({ directory }), {
      code: "invalid",
      message: /must be ours alone .* mode 770/,
    });
  });

  it("is refused with the limit when its sockets would have too long a name", async () => {
    const long = join(top, "x".repeat(60));
    await assert.rejects(LibvirtdFolder.take({ directory: long }), /the limit is 107/);
  });

  describe("of another user", () => {
    before(function () {
      if (!isMachineRoot()) this.skip();
    });

    it("is ours, with that user's folders in it, which others cannot enter", async () => {
      await LibvirtdFolder.take({ directory, runAs: nobody });
      const { uid, mode } = await stat(directory);
      assert.deepEqual([uid, mode & 0o777], [0, 0o711]);
      for (const name of ["run", "config", "cache", "data"]) {
        const own = await stat(join(directory, name));
        assert.deepEqual([own.uid, own.mode & 0o777], [nobody.uid, 0o700], name);
      }
      const conf = await stat(join(directory, "config", "libvirt", "qemu.conf"));
      assert.equal(conf.uid, nobody.uid);
    });

    it("leads us nowhere: what that user puts in a file's place is not written to with our rights", async () => {
      await LibvirtdFolder.take({ directory, runAs: nobody });
      const prize = join(top, "ours");
      await mkdir(prize, { mode: 0o700 });
      await writeFile(join(prize, "qemu.conf"), "kept");
      await rm(join(directory, "config", "libvirt"), { recursive: true });
      await symlink(prize, join(directory, "config", "libvirt"));
      await assert.rejects(LibvirtdFolder.take({ directory, runAs: nobody }), {
        code: "unavailable",
        message: /cannot be written: .*(Permission denied|File exists)/,
      });
      assert.equal((await stat(join(prize, "qemu.conf"))).size, 4);
    });

    it("is refused below a folder that is closed to the user, which is named", async () => {
      await chmod(top, 0o700);
      await assert.rejects(LibvirtdFolder.take({ directory, runAs: nobody }), {
        code: "invalid",
        message: /libvirtd runs as user 65534, who cannot reach .*: \S+ has mode 700/,
      });
    });
  });
});
