import assert from "node:assert/strict";
import { findRunAs, rightsOf } from "./run-as.ts";

describe("findRunAs", () => {
  const isRoot = process.geteuid?.() === 0;

  it("changes nothing where the host-agent is an ordinary user", async function () {
    if (isRoot) return this.skip();
    assert.equal(await findRunAs("nobody"), undefined);
    assert.deepEqual(rightsOf(undefined), []);
  });

  it("takes a name or two numbers, and refuses root and names that nobody has", async function () {
    if ((await findRunAs("65534:65534")) === undefined) return this.skip();
    const nobody = await findRunAs("nobody");
    assert.deepEqual([nobody?.uid, nobody?.gid], [65534, 65534]);
    const unnamed = await findRunAs("1200:1300");
    assert.deepEqual([unnamed?.uid, unnamed?.gid], [1200, 1300]);
    await assert.rejects(findRunAs("root"), { code: "invalid", message: /an ordinary user/ });
    await assert.rejects(findRunAs("no-such-user"), {
      code: "invalid",
      message: "TIDEPOOL_QEMU_USER: there is no user 'no-such-user'",
    });
  });

  it("leaves no capability to whom it starts, with the group of KVM and no other", () => {
    const words = rightsOf({ uid: 7, gid: 8, kvmGid: 9 });
    for (const word of ["--reuid=7", "--regid=8", "--groups=9", "--bounding-set=-all"])
      assert.ok(words.includes(word), word);
    assert.ok(rightsOf({ uid: 7, gid: 8 }).includes("--clear-groups"));
  });
});
